//! The properties of each resource type.
//!
//! Source: the REST reference of Event Grid, 2025-02-15 and 2025-07-15-preview.

use serde_json::{Map, Number, Value};
use time::OffsetDateTime;

use super::enums::{
    ActivationState, ChannelType, EventDeliverySchema, ProvisioningState, ReadinessState,
    RoutingMode,
};
use super::resource_id::ResourceId;
use super::scope::ResourceGroup;
use super::secret::Secret;
use crate::api::model::models;

models! {
    /// A partner's connection to one customer, mirrored by a partner topic or a partner destination of the customer.
    ///
    /// It must be in the region of its topic.
    Channel {
        /// The type of resource that its events go to.
        channel_type: ChannelType,
        /// The customer's topic.
        partner_topic_info: PartnerTopicInfo,
        /// The customer's destination. Only in preview versions.
        partner_destination_info: PartnerDestinationInfo,
        /// Shown to the customer before activation: at most 256 characters. Absent after activation.
        message_for_activation: String,
        /// Whether the customer has activated it.
        readiness_state: ReadinessState,
        /// The latest time of activation: at most seven days after creation, which is the default. Absent after
        /// activation.
        expiration_time_if_not_activated_utc: OffsetDateTime,
        /// Its state.
        provisioning_state: ProvisioningState,
    }

    /// The topic that mirrors a channel.
    PartnerTopicInfo {
        /// The customer's subscription: a UUID.
        azure_subscription_id: String,
        /// The customer's resource group.
        resource_group_name: String,
        /// Its name.
        name: String,
        /// The source of the events. A namespace that routes by source compares it with the events' `source`.
        source: String,
        /// The types of the events.
        event_type_info: EventTypeInfo,
    }

    /// The types of events that a channel or topic offers.
    EventTypeInfo {
        /// `Inline`.
        kind: String,
        /// Objects with `displayName`, `description`, `documentationUrl` and `dataSchemaUrl`, by type.
        inline_event_types: Map<String, Value>,
    }

    /// The destination that mirrors a channel. Only in preview versions.
    PartnerDestinationInfo {
        /// The customer's subscription: a UUID.
        azure_subscription_id: String,
        /// The customer's resource group.
        resource_group_name: String,
        /// Its name.
        name: String,
        /// `WebHook`.
        endpoint_type: String,
        /// Context that the partner gives the customer.
        endpoint_service_context: String,
        /// Its URL and settings.
        properties: EndpointProperties,
    }

    /// The owner of channels, with the endpoint that events are published to. It is in one region.
    PartnerNamespace {
        /// The id of its registration.
        partner_registration_fully_qualified_id: String,
        /// How events are routed to channels. Required at creation, and fixed afterwards.
        partner_topic_routing_mode: RoutingMode,
        /// The URL to publish to. Set by the service.
        endpoint: String,
        /// `Enabled`, `Disabled`, or in preview versions `SecuredByPerimeter`.
        public_network_access: String,
        /// At most 128 objects with `ipMask` and `action`.
        inbound_ip_rules: Vec<Value>,
        /// `1.0`, `1.1` or `1.2`.
        minimum_tls_version_allowed: String,
        /// Whether the service refuses access keys.
        disable_local_auth: bool,
        /// Private endpoints.
        private_endpoint_connections: Vec<Value>,
        /// Its state.
        provisioning_state: ProvisioningState,
    }

    /// The identity of a partner. Its location is `global`.
    PartnerRegistration {
        /// The id that customers authorize: a UUID.
        partner_registration_immutable_id: String,
        /// Its state.
        provisioning_state: ProvisioningState,
    }

    /// The customer's side of a channel.
    PartnerTopic {
        /// The registration of the partner: a UUID.
        partner_registration_immutable_id: String,
        /// The source of the events.
        source: String,
        /// The types of the events.
        event_type_info: EventTypeInfo,
        /// The latest time of activation. Absent after activation.
        expiration_time_if_not_activated_utc: OffsetDateTime,
        /// Whether it was activated.
        activation_state: ActivationState,
        /// A description.
        partner_topic_friendly_description: String,
        /// The partner's message. Absent after activation.
        message_for_activation: String,
        /// Its state.
        provisioning_state: ProvisioningState,
    }

    /// The partners that may create topics and destinations in a resource group. Its location is `global`.
    PartnerConfiguration {
        /// The authorization of partners.
        partner_authorization: PartnerAuthorization,
        /// Its state.
        provisioning_state: ProvisioningState,
    }

    /// The authorized partners, and the durations of their authorizations.
    PartnerAuthorization {
        /// The default duration of an authorization in days: 1 to 365. Default: 7.
        default_maximum_expiration_time_in_days: Number,
        /// The authorized partners.
        authorized_partners_list: Vec<Partner>,
    }

    /// An authorized partner. Authorizing it again extends the time.
    Partner {
        /// The partner's registration: a UUID.
        partner_registration_immutable_id: String,
        /// The partner's name. A verified partner needs no id.
        partner_name: String,
        /// When the authorization expires. `None`: after the default duration.
        authorization_expiration_time_in_utc: OffsetDateTime,
    }

    /// The customer's side of a channel to the partner. Only in preview versions.
    PartnerDestination {
        /// The registration of the partner: a UUID. Old destinations have none.
        partner_registration_immutable_id: String,
        /// Context from the partner.
        endpoint_service_context: String,
        /// The latest time of activation. Absent after activation.
        expiration_time_if_not_activated_utc: OffsetDateTime,
        /// Whether it was activated.
        activation_state: ActivationState,
        /// The URL of the webhook without its query.
        endpoint_base_url: String,
        /// The partner's message. Absent after activation.
        message_for_activation: String,
        /// Its state.
        provisioning_state: ProvisioningState,
    }

    /// Delivers the events of a topic to an endpoint.
    EventSubscription {
        /// The id of the topic; its letter case varies.
        topic: String,
        /// The endpoint.
        destination: Endpoint,
        /// In place of `destination`: delivery with an identity.
        delivery_with_resource_identity: DeliveryWithIdentity,
        /// Selects the events that are delivered.
        filter: Filter,
        /// Labels of the owner.
        labels: Vec<String>,
        /// When it expires.
        expiration_time_utc: OffsetDateTime,
        /// The schema of deliveries. Default for partner topics: CloudEvents.
        event_delivery_schema: EventDeliverySchema,
        /// How often a delivery is retried.
        retry_policy: DeliveryRetries,
        /// The endpoint for undeliverable events.
        dead_letter_destination: Endpoint,
        /// In place of `dead_letter_destination`: delivery with an identity.
        dead_letter_with_resource_identity: Map<String, Value>,
        /// Its state.
        provisioning_state: ProvisioningState,
    }

    /// An endpoint, and the identity that delivers to it.
    DeliveryWithIdentity {
        /// An object with `type` and, optionally, `userAssignedIdentity`.
        identity: Map<String, Value>,
        /// The endpoint.
        destination: Endpoint,
    }

    /// The target of an event subscription.
    Endpoint {
        /// `WebHook`, `StorageBlob`, `EventHub`, `PartnerDestination` and others.
        endpoint_type: String,
        /// Its settings.
        properties: EndpointProperties,
    }

    /// The settings of an endpoint. Its type decides which of them apply.
    EndpointProperties {
        /// The absolute https URL of a webhook, whose query often holds a secret. The service never returns it here: see
        /// [`full_url`](super::ManagementClient::full_url).
        endpoint_url: Secret,
        /// The URL without its query.
        endpoint_base_url: String,
        /// The id of the resource that is the endpoint.
        resource_id: String,
        /// The container for dead letters.
        blob_container_name: String,
        /// Events in a request: 1 to 5000. Default: 1.
        max_events_per_batch: Number,
        /// Size of a request in KiB: 1 to 1024. Default: 64.
        preferred_batch_size_in_kilobytes: Number,
        /// The tenant of the tokens that deliveries carry.
        azure_active_directory_tenant_id: String,
        /// The audience of the tokens that deliveries carry.
        azure_active_directory_application_id_or_uri: String,
        /// How a partner destination's requests are authenticated.
        client_authentication: Map<String, Value>,
        /// The headers that deliveries carry.
        delivery_attribute_mappings: Vec<DeliveryAttribute>,
        /// `1.0`, `1.1` or `1.2`.
        minimum_tls_version_allowed: String,
    }

    /// A header that deliveries carry.
    DeliveryAttribute {
        /// Its name, which must not begin with `aeg-`.
        name: String,
        /// `Static` or `Dynamic`.
        r#type: String,
        /// Its value.
        properties: DeliveryAttributeValue,
    }

    /// The value of a header that deliveries carry.
    DeliveryAttributeValue {
        /// The value of a static header: at most 4096 bytes.
        value: Secret,
        /// Whether the service hides the value.
        is_secret: bool,
        /// The path into the event, for a dynamic header.
        source_field: String,
    }

    /// Selects the events that are delivered.
    Filter {
        /// The prefix of the subject.
        subject_begins_with: String,
        /// The suffix of the subject.
        subject_ends_with: String,
        /// The types.
        included_event_types: Vec<String>,
        /// Whether the case of subjects matters. Default: no.
        is_subject_case_sensitive: bool,
        /// Whether advanced filters match the items of arrays.
        enable_advanced_filtering_on_arrays: bool,
        /// Objects with `operatorType`, `key`, and `value` or `values`.
        advanced_filters: Vec<Value>,
    }

    /// How often and for how long a delivery is retried.
    DeliveryRetries {
        /// Attempts: 1 to 30. Default: 30.
        max_delivery_attempts: Number,
        /// Minutes: 1 to 1440. Default: 1440.
        event_time_to_live_in_minutes: Number,
    }

    /// The events of one of Azure's own resources.
    SystemTopic {
        /// The id of the resource.
        source: String,
        /// The type of that resource, such as `Microsoft.Resources.Subscriptions` or `Microsoft.Resources.ResourceGroups`.
        topic_type: String,
        /// The id for its metrics.
        metric_resource_id: String,
        /// Its state.
        provisioning_state: ProvisioningState,
    }

    /// The properties of a partner configuration that an update can change.
    PartnerConfigurationUpdate {
        /// See [`PartnerAuthorization`].
        default_maximum_expiration_time_in_days: Number,
    }
}

impl PartnerNamespace {
    /// A namespace of `registration` that routes by `mode`.
    pub fn new(registration: &ResourceId<PartnerRegistration>, mode: RoutingMode) -> Self {
        Self {
            partner_registration_fully_qualified_id: Some(registration.to_string()),
            partner_topic_routing_mode: Some(mode),
            ..Self::default()
        }
    }
}

impl Channel {
    /// A channel to the topic `name`, which the service creates in the customer's `group`, for events from `source`.
    pub fn to_topic(group: &ResourceGroup, name: &str, source: &str) -> Self {
        Self {
            channel_type: Some(ChannelType::PartnerTopic),
            partner_topic_info: Some(PartnerTopicInfo {
                azure_subscription_id: Some(group.subscription().id().to_string()),
                resource_group_name: Some(group.name().to_owned()),
                name: Some(name.to_owned()),
                source: Some(source.to_owned()),
                ..PartnerTopicInfo::default()
            }),
            ..Self::default()
        }
    }
}

impl Partner {
    /// The partner with this registration id.
    pub fn of_registration(immutable_id: &str) -> Self {
        Self { partner_registration_immutable_id: Some(immutable_id.to_owned()), ..Self::default() }
    }
}

impl Endpoint {
    /// A webhook at `url`, an absolute https URL whose query may be a secret. Any other URL is refused before it is sent,
    /// with [`InvalidResource::WebhookUrl`](super::InvalidResource::WebhookUrl).
    pub fn webhook(url: impl Into<Secret>) -> Self {
        Self {
            endpoint_type: Some("WebHook".to_owned()),
            properties: Some(EndpointProperties {
                endpoint_url: Some(url.into()),
                ..EndpointProperties::default()
            }),
            ..Self::default()
        }
    }
}
