//! The message in the body of a refusal that is not JSON: text, a page, or XML.

use crate::json::without_mark;

/// The code and the message of a refusal, if there are any.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Words {
    /// The element `Code` of XML, as Azure Storage writes it.
    pub(crate) code: Option<String>,
    /// The message: plain text; the title and the first paragraph or preformatted text of a page; of XML, the element
    /// `Message` or the reason of a SOAP fault, and its detail.
    pub(crate) text: Option<String>,
}

impl Words {
    /// Reads a body.
    ///
    /// Source: "Status and error codes", Azure Storage; SOAP 1.1, section 4.4, and SOAP 1.2, section 5.4; the pages of front
    /// ends and proxies.
    pub(crate) fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(without_mark(body));
        let text = text.trim();
        if !is_markup(text.as_bytes()) {
            let text = (!text.is_empty()).then(|| text.to_owned());
            return Self { code: None, text };
        }
        let lower = text.to_ascii_lowercase();
        let of = |name: &str| element(text, &lower, name).filter(|text| !text.is_empty());
        let first = |names: &[&str]| names.iter().find_map(|name| of(name));
        let is_xml = lower.starts_with("<?xml") || lower.starts_with("<error");
        let code = of("code").filter(|_| is_xml);
        let heading = match code {
            Some(_) => None,
            None => first(&["title", "h1"]),
        };
        let told = first(&["p", "pre", "message", "faultstring", "text"]);
        let parts = [heading, told, of("detail")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let text = (!parts.is_empty()).then(|| parts.join(": "));
        Self { code, text }
    }
}

/// Whether a body is a page or XML.
pub(crate) fn is_markup(body: &[u8]) -> bool {
    without_mark(body).trim_ascii_start().starts_with(b"<")
}

/// The text of the first element of this name, with or without a prefix as SOAP has it. `lower` is `text` in lower case, which
/// has the same offsets.
fn element(text: &str, lower: &str, name: &str) -> Option<String> {
    let mut opens = lower.match_indices('<').filter_map(|(at, _)| {
        let after = at.checked_add(1)?;
        let tag = lower.get(after..)?;
        let end = tag.find(|it: char| "></".contains(it) || it.is_ascii_whitespace())?;
        let (full, rest) = tag.split_at_checked(end)?;
        let is_it = full.rsplit(':').next() == Some(name) && !rest.starts_with(['/', '<']);
        is_it.then_some((full, after))
    });
    let (full, after) = opens.next()?;
    let start = lower.get(after..)?.find('>')?.checked_add(after)?.checked_add(1)?;
    let end = lower.get(start..)?.find(&format!("</{full}"))?.checked_add(start)?;
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
///
/// Numbers that name no character stay as they are.
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
const ENTITIES: [(&str, &str); 5] =
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&nbsp;", " "), ("&amp;", "&")];

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
            ("<!DOCTYPE html><html><body><h1>No</h1></body></html>", "", "No"),
            (
                "<html><title>Error</title><body><pre>Cannot GET /hook</pre></body></html>",
                "",
                "Error: Cannot GET /hook",
            ),
            // Service Bus
            (
                "<Error><Code>401</Code><Detail>Put token failed.</Detail></Error>",
                "401",
                "Put token failed.",
            ),
            ("<Error><Code>x</Code><Message>m</Message><Detail>d</Detail></Error>", "x", "m: d"),
            (
                "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><s:Fault><s:Code><s:Value>s:Sender\
                 </s:Value></s:Code><s:Reason><s:Text xml:lang=\"en\">The token has expired.</s:Text></s:Reason></s:Fault>\
                 </s:Body></s:Envelope>",
                "",
                "The token has expired.",
            ),
            (
                "<?xml version=\"1.0\"?><Envelope><Body><Fault><Code><Value>Receiver</Value></Code><Reason><Text>down</Text>\
                 </Reason><Detail><e:Problem>disk</e:Problem></Detail></Fault></Body></Envelope>",
                "Receiver",
                "down: disk",
            ),
            (
                "<soap:Envelope><soap:Fault><faultcode>soap:Client</faultcode><faultstring>no</faultstring></soap:Fault>\
                 </soap:Envelope>",
                "",
                "no",
            ),
            ("<a:p/><p>x</p>", "", "x"),
            ("<details>x</details><text", "", ""),
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
            ("<p>a&#x2B;b&#43;c&#;&#x;&#99999999;</p>", "", "a+b+c&#;&#x;&#99999999;"),
        ] {
            let words = Words::read(body.as_bytes());
            assert_eq!(
                (words.code.unwrap_or_default(), words.text.unwrap_or_default()),
                (code.to_owned(), text.to_owned()),
                "{body}"
            );
        }
    }
}
