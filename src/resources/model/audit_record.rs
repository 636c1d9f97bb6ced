//! Audit records.

use serde_json::Value;
use time::OffsetDateTime;

use crate::api::model::models;

models! {
    /// An audit record: who did what.
    ///
    /// Source: "Auditing resources"; `id`, `partner_id`, `participants` and `original_correlation_id` from real responses.
    AuditRecord {
        /// Its id, see [`AuditId`](crate::event::AuditId).
        id: String,
        /// Tenant of the partner: a UUID.
        partner_id: String,
        /// Tenant of the customer: a UUID.
        customer_id: String,
        /// Name of the customer.
        customer_name: String,
        /// The user.
        user_principal_name: String,
        /// The application.
        application_id: String,
        /// The type of the resource, such as `subscription`.
        resource_type: String,
        /// The resource before the operation: JSON in a string. See [`AuditRecord::old_value`].
        resource_old_value: String,
        /// The resource after the operation: JSON in a string. See [`AuditRecord::new_value`].
        resource_new_value: String,
        /// The operation, such as `update_subscription`.
        operation_type: String,
        /// Its time, in UTC.
        operation_date: OffsetDateTime,
        /// `succeeded`, `failed` or `progress`.
        operation_status: String,
        /// The correlation id of the call.
        original_correlation_id: String,
        /// Other participants.
        participants: Vec<Value>,
        /// Pairs of `key` and `value`.
        customized_data: Vec<Value>,
    }
}

impl AuditRecord {
    /// The resource before the operation, parsed. Its members are in PascalCase or in camelCase.
    pub fn old_value(&self) -> Option<Value> {
        serde_json::from_str(self.resource_old_value.as_deref()?).ok()
    }

    /// The resource after the operation, parsed like [`old_value`](Self::old_value).
    pub fn new_value(&self) -> Option<Value> {
        serde_json::from_str(self.resource_new_value.as_deref()?).ok()
    }
}
