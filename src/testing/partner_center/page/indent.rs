//! JSON with line breaks, for people.

use serde_json::value::RawValue;

/// The tokens of `text`, unchanged and in their order, one member per line. Text that is not JSON is returned as it is.
///
/// A `serde_json::Value` would sort the members, drop duplicates and rewrite numbers.
pub(super) fn indented(text: &str) -> String {
    if serde_json::from_str::<&RawValue>(text).is_err() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    let mut tokens = text.chars().peekable();
    while let Some(token) = tokens.next() {
        if in_string {
            out.push(token);
            in_string = is_escaped || token != '"';
            is_escaped = !is_escaped && token == '\\';
            continue;
        }
        match token {
            ' ' | '\t' | '\n' | '\r' => {}
            '{' | '[' => {
                out.push(token);
                while tokens.next_if(char::is_ascii_whitespace).is_some() {}
                match tokens.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => out.push(end),
                    None => {
                        depth = depth.saturating_add(1);
                        break_line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, depth);
                out.push(token);
            }
            ',' => {
                out.push(',');
                break_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            token => {
                in_string = token == '"';
                out.push(token);
            }
        }
    }
    out
}

/// A line break, and two blanks for each level.
fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn tokens_stay_as_they_are() {
        let text = r#"{"b":"a,{\"}\\","a":[1e0, -0.50 ,{}, [ ]],"b":null}"#;
        let expected = r#"{
  "b": "a,{\"}\\",
  "a": [
    1e0,
    -0.50,
    {},
    []
  ],
  "b": null
}"#;
        assert_eq!(indented(text), expected);
        assert_eq!(indented(expected), expected);
        for text in ["", "{", "<img>", "{\"a\":1,}"] {
            assert_eq!(indented(text), text);
        }
    }
}
