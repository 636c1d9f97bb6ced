//! What a page shows, as its URL says: `?outcome=refused&text=invoice&show=3`.
//!
//! All of it is in the query, so that links, the back button and a reload work, with a script and without.

use form_urlencoded::Serializer;

use crate::testing::partner_center::delivery::{Delivery, Outcome};

/// The query of the page's URL. What it does not know it ignores.
#[derive(Clone)]
pub(super) struct View {
    /// The delivery whose details are shown.
    pub(super) show: Option<usize>,
    /// The [word](Outcome::as_str) of the outcome that rows must have; empty for any.
    pub(super) outcome: String,
    /// What the event name, the origin or the body must contain; empty for any.
    pub(super) text: String,
    /// The maximum number of rows. Default: 200.
    pub(super) rows: usize,
    /// The number of what a command said, which the page shows above all.
    pub(super) said: Option<u64>,
}

impl View {
    /// Reads a query without its question mark.
    pub(super) fn parse(query: &str) -> Self {
        let mut view = Self {
            show: None,
            outcome: String::new(),
            text: String::new(),
            rows: ROWS,
            said: None,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "show" => view.show = value.parse().ok(),
                "outcome" => view.outcome = value.into_owned(),
                "text" => view.text = value.trim().to_owned(),
                "rows" => view.rows = value.parse().unwrap_or(ROWS),
                "said" => view.said = value.parse().ok(),
                _ => {}
            }
        }
        view
    }

    /// The query that [`View::parse`] reads, with what differs from the default.
    pub(super) fn to_query(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in [("outcome", &self.outcome), ("text", &self.text)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if self.rows != ROWS {
            query.append_pair("rows", &self.rows.to_string());
        }
        if let Some(number) = self.show {
            query.append_pair("show", &number.to_string());
        }
        if let Some(number) = self.said {
            query.append_pair("said", &number.to_string());
        }
        query.finish()
    }

    /// The query of the same page with these details, and without what was said.
    pub(super) fn showing(&self, show: Option<usize>) -> String {
        Self { show, said: None, ..self.clone() }.to_query()
    }

    /// The query of the same page with more rows.
    pub(super) fn older(&self) -> String {
        Self { rows: self.rows.saturating_add(ROWS), said: None, ..self.clone() }.to_query()
    }

    /// Whether the filter lets a delivery through.
    pub(super) fn has(&self, delivery: &Delivery) -> bool {
        let is_outcome = |outcome: Outcome| outcome.as_str() == self.outcome;
        (self.outcome.is_empty() || is_outcome(delivery.outcome))
            && (self.text.is_empty()
                || delivery.event_name().unwrap_or_default().contains(&self.text)
                || delivery.origin.to_string().contains(&self.text)
                || String::from_utf8_lossy(&delivery.body).contains(&self.text))
    }
}

/// As many as a browser patches in an instant.
const ROWS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_survives_its_query() {
        let query = "outcome=refused&text=a%26b&rows=400&show=3&said=9";
        let view = View::parse(query);
        assert_eq!(view.to_query(), query);
        assert_eq!(view.showing(None), "outcome=refused&text=a%26b&rows=400");
        assert_eq!(View::parse("show=x&rows=-1&other=%ff").to_query(), "");
    }
}
