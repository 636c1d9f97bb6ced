//! The message in the body of a refusal that is not JSON: text, a page, or XML.

use crate::json::without_mark;

/// The code and the message of a refusal, if there are any.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Words {
    /// The element `Code` of XML, as Azure Storage writes it.
    pub(crate) code: Option<String>,
    /// The message: plain text, the title and first paragraph of a page, or the element `Message` of XML.
    pub(crate) text: Option<String>,
}

impl Words {
    /// Reads a body.
    ///
    /// Source: "Status and error codes", Azure Storage; the pages of front ends and proxies.
    pub(crate) fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(without_mark(body));
        let text = text.trim();
        if !is_markup(text.as_bytes()) {
            let text = (!text.is_empty()).then(|| text.to_owned());
            return Self { code: None, text };
        }
        let lower = text.to_ascii_lowercase();
        let of = |name| element(text, &lower, name).filter(|text| !text.is_empty());
        let is_xml = lower.starts_with("<?xml") || lower.starts_with("<error");
        match of("code").filter(|_| is_xml) {
            Some(code) => Self {
                code: Some(code),
                text: of("message"),
            },
            None => {
                let heading = of("title").or_else(|| of("h1"));
                let parts = [heading, of("p").or_else(|| of("message"))];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                let text = (!parts.is_empty()).then(|| parts.join(": "));
                Self { code: None, text }
            }
        }
    }
}

/// Whether a body is a page or XML.
pub(crate) fn is_markup(body: &[u8]) -> bool {
    without_mark(body).trim_ascii_start().starts_with(b"<")
}

/// The text of the first element of this name. `lower` is `text` in lower case, which has the same offsets.
fn element(text: &str, lower: &str, name: &str) -> Option<String> {
    let open = format!("<{name}");
    let starts = lower.match_indices(&open).map(|(at, _)| at);
    let mut starts = starts.filter_map(|at| {
        let after = at.checked_add(open.len())?;
        let is_whole = lower
            .get(after..)?
            .starts_with(['>', ' ', '\t', '\r', '\n']);
        is_whole.then_some(after)
    });
    let after = starts.next()?;
    let start = lower
        .get(after..)?
        .find('>')?
        .checked_add(after)?
        .checked_add(1)?;
    let end = lower
        .get(start..)?
        .find(&format!("</{name}"))?
        .checked_add(start)?;
    Some(plain(text.get(start..end)?))
}

/// Text without tags, on one line.
fn plain(markup: &str) -> String {
    let mut text = String::new();
    for (index, piece) in markup.split('<').enumerate() {
        let shown = match index {
            0 => piece,
            _ => piece.split_once('>').map_or("", |(_, shown)| shown),
        };
        text.push_str(shown);
        text.push(' ');
    }
    text = with_characters(&text);
    for (entity, character) in ENTITIES {
        text = text.replace(entity, character);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// Text with the characters that it names by number, as in `&#43;` and `&#x2B;`.
fn with_characters(text: &str) -> String {
    let mut parts = text.split("&#");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let character = part.split_once(';').and_then(|(number, rest)| {
            let hexadecimal = number.strip_prefix(['x', 'X']);
            let code = match hexadecimal {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            Some((char::from_u32(code.ok()?)?, rest))
        });
        match character {
            Some((character, rest)) => {
                plain.push(character);
                plain.push_str(rest);
            }
            None => {
                plain.push_str("&#");
                plain.push_str(part);
            }
        }
    }
    plain
}

/// The ampersand is the last: what it yields is not read again.
const ENTITIES: [(&str, &str); 5] = [
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&nbsp;", " "),
    ("&amp;", "&"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_xml_and_text() {
        for (body, code, text) in [
            ("upstream connect error", "", "upstream connect error"),
            (" \r\n", "", ""),
            ("", "", ""),
            (
                "<html><head><TITLE> 502 Bad Gateway </title></head><body><p class=\"a\">The <b>server</b>\n is\
                 &nbsp;down &amp;lt;</p><p>x</p></body></html>",
                "",
                "502 Bad Gateway: The server is down &lt;",
            ),
            (
                "<!DOCTYPE html><html><body><h1>No</h1></body></html>",
                "",
                "No",
            ),
            ("<html><pre>x</pre></html>", "", ""),
            ("<title>never closed", "", ""),
            (
                "\u{feff}<?xml version=\"1.0\"?><Error><Code>BlobNotFound</Code><Message>It is gone.\nRequestId:1</Message></Error>",
                "BlobNotFound",
                "It is gone. RequestId:1",
            ),
            ("<Error><Code>ServerBusy</Code></Error>", "ServerBusy", ""),
            ("<Error><Code></Code><Message>m</Message></Error>", "", "m"),
            ("<Error><Codes>x</Codes></Error>", "", ""),
            ("<", "", ""),
            ("<code>ä</code><p>x</p>", "", "x"),
            (
                "<p>a&#x2B;b&#43;c&#;&#x;&#99999999;</p>",
                "",
                "a+b+c&#;&#x;&#99999999;",
            ),
        ] {
            let words = Words::read(body.as_bytes());
            assert_eq!(
                (
                    words.code.unwrap_or_default(),
                    words.text.unwrap_or_default()
                ),
                (code.to_owned(), text.to_owned()),
                "{body}"
            );
        }
    }
}
