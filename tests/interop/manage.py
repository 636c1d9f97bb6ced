"""Manages Partner Events with Microsoft's own client. In: a JSON object as first argument. Out: a JSON object."""

import json
import sys

from azure.core.credentials import AccessToken
from azure.mgmt.eventgrid import EventGridManagementClient
from azure.mgmt.eventgrid import models

job = json.loads(sys.argv[1])
# Access tokens go over plain http only if each call says so: the fake is on loopback.
LOOPBACK = {"enforce_https": False}


class Tokens:
    def get_token(self, *scopes, **_):
        self.scopes = scopes
        return AccessToken(job["token"], 4102444800)


tokens = Tokens()
client = EventGridManagementClient(
    tokens,
    job["subscription"],
    base_url=job["base"],
    credential_scopes=[job["base"] + "/.default"],
    polling_interval=0,
)
prefix = f"/subscriptions/{job['subscription']}/resourceGroups/ours/providers/Microsoft.EventGrid"


def channel(name):
    return models.Channel(
        channel_type="PartnerTopic",
        partner_topic_info=models.PartnerTopicInfo(
            azure_subscription_id=job["subscription"],
            resource_group_name="theirs",
            name=name,
            source="contoso/customers/7",
        ),
        message_for_activation="Hello",
    )


client.partner_registrations.begin_create_or_update(
    "ours", "contoso", models.PartnerRegistration(location="global"), **LOOPBACK
).result()
namespace = client.partner_namespaces.begin_create_or_update(
    "ours",
    "contoso-west",
    models.PartnerNamespace(
        location="westeurope",
        tags={"team": "events"},
        partner_registration_fully_qualified_id=f"{prefix}/partnerRegistrations/contoso",
        partner_topic_routing_mode="ChannelNameHeader",
    ),
    **LOOPBACK,
).result()
keys = client.partner_namespaces.list_shared_access_keys("ours", "contoso-west", **LOOPBACK)
renewed = client.partner_namespaces.regenerate_key(
    "ours",
    "contoso-west",
    models.PartnerNamespaceRegenerateKeyRequest(key_name="key2"),
    **LOOPBACK,
)
client.partner_configurations.begin_create_or_update(
    "theirs", models.PartnerConfiguration(location="global"), **LOOPBACK
).result()
partner = models.Partner(partner_registration_immutable_id=job["partner"])
authorized = client.partner_configurations.authorize_partner("theirs", partner, **LOOPBACK)
for name in ["customer-7", "customer-8"]:
    client.channels.create_or_update("ours", "contoso-west", name, channel(name), **LOOPBACK)
channels = client.channels.list_by_partner_namespace(
    "ours", "contoso-west", filter="contains(name, 'customer')", top=1, **LOOPBACK
)
names = sorted(channel.name for channel in channels)
before = client.channels.get("ours", "contoso-west", "customer-7", **LOOPBACK)
activated = client.partner_topics.activate("theirs", "customer-7", **LOOPBACK)
after = client.channels.get("ours", "contoso-west", "customer-7", **LOOPBACK)
subscribed = client.partner_topic_event_subscriptions.begin_create_or_update(
    "theirs",
    "customer-7",
    "to-us",
    models.EventSubscription(
        destination=models.WebHookEventSubscriptionDestination(
            endpoint_url="https://fabrikam.example/hook?code=s3cret"
        ),
        filter=models.EventSubscriptionFilter(included_event_types=["a"]),
    ),
    **LOOPBACK,
).result()
client.partner_topic_event_subscriptions.begin_update(
    "theirs",
    "customer-7",
    "to-us",
    models.EventSubscriptionUpdateParameters(labels=["x"]),
    **LOOPBACK,
).result()
full = client.partner_topic_event_subscriptions.get_full_url(
    "theirs", "customer-7", "to-us", **LOOPBACK
)
client.partner_topics.deactivate("theirs", "customer-7", **LOOPBACK)
unauthorized = client.partner_configurations.unauthorize_partner("theirs", partner, **LOOPBACK)

client.partner_topic_event_subscriptions.begin_delete(
    "theirs", "customer-7", "to-us", **LOOPBACK
).result()
client.partner_topics.begin_delete("theirs", "customer-7", **LOOPBACK).result()
client.channels.begin_delete("ours", "contoso-west", "customer-7", **LOOPBACK).result()
client.partner_namespaces.begin_delete("ours", "contoso-west", **LOOPBACK).result()
client.partner_configurations.begin_delete("theirs", **LOOPBACK).result()
client.partner_registrations.begin_delete("ours", "contoso", **LOOPBACK).result()

print(
    json.dumps(
        {
            "endpoint": namespace.endpoint,
            "is_renewed": [keys.key1 == renewed.key1, keys.key2 == renewed.key2],
            "authorized": len(authorized.partner_authorization.authorized_partners_list),
            "unauthorized": len(unauthorized.partner_authorization.authorized_partners_list),
            "names": names,
            "readiness": [before.readiness_state, after.readiness_state],
            "activation": activated.activation_state,
            "schema": subscribed.event_delivery_schema,
            "full": full.endpoint_url,
        }
    )
)
