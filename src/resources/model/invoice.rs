//! Invoices.

use serde_json::Number;
use time::OffsetDateTime;

use crate::api::model::models;

models! {
    /// An invoice.
    ///
    /// Source: "Invoice resources".
    Invoice {
        /// Its id, such as `G000024135`.
        id: String,
        /// The time of its creation, in UTC.
        invoice_date: OffsetDateTime,
        /// The start of the billing period, in UTC.
        billing_period_start_date: OffsetDateTime,
        /// The end of the billing period, in UTC.
        billing_period_end_date: OffsetDateTime,
        /// The total charges. A binary fraction: the JSON has the exact digits.
        total_charges: Number,
        /// The paid amount. A binary fraction: the JSON has the exact digits.
        paid_amount: Number,
        /// Such as `USD`.
        currency_code: String,
        /// Such as `$`.
        currency_symbol: String,
        /// Such as `recurring`.
        invoice_type: String,
        /// Such as `invoice` or `adjustment_note`.
        document_type: String,
        /// The link to the PDF.
        pdf_download_link: String,
    }
}
