//! Text in 80 columns.

/// Appends `text` to `out`, in lines of at most [`WIDTH`] characters: the first one after `first`, the others after as many
/// blanks. A word that is longer than a line, such as a URL, is broken after a separator.
pub(super) fn wrap(out: &mut String, first: &str, text: &str) {
    let indent = first.chars().count();
    let room = WIDTH.saturating_sub(indent);
    let mut line = first.to_owned();
    let mut used = 0;
    for word in text.split_whitespace() {
        let mut word = word;
        if used > 0 {
            match used + 1 + word.chars().count() <= room {
                true => {
                    line.push(' ');
                    used += 1;
                }
                false => (line, used) = (end(out, &line, indent), 0),
            }
        }
        while let Some((head, tail)) = broken(word, room) {
            line.push_str(head);
            line = end(out, &line, indent);
            word = tail;
        }
        line.push_str(word);
        used += word.chars().count();
    }
    end(out, &line, indent);
}

/// Ends a line, and begins the next.
fn end(out: &mut String, line: &str, indent: usize) -> String {
    out.push_str(line.trim_end());
    out.push('\n');
    " ".repeat(indent)
}

/// The part of a long word that fits, and the rest.
fn broken(word: &str, room: usize) -> Option<(&str, &str)> {
    let (limit, _) = word.char_indices().nth(room)?;
    let fitting = word.get(..limit)?;
    // An escape, such as `%20`, stays whole.
    let escape = word.get(..=limit).and_then(|more| more.rfind('%'));
    let after_separator = fitting.rfind(['/', '(', ',', ';', '-']).map(|at| at + 1);
    let at = escape.max(after_separator).filter(|at| *at > 0);
    word.split_at_checked(at.unwrap_or(limit))
}

pub(super) const WIDTH: usize = 80;
