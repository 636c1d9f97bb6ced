"""Publishes with Microsoft's own client. In: a JSON object as first argument. Out: a JSON object."""

import base64
import datetime
import json
import sys

from azure.core.credentials import AccessToken, AzureKeyCredential, AzureSasCredential
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient, generate_sas
from azure.eventgrid._legacy._helpers import _generate_hmac

job = json.loads(sys.argv[1])
UTC = datetime.timezone.utc


class Tokens:
    def get_token(self, *scopes, **_):
        self.scopes = scopes
        return AccessToken(job["token"], 4102444800)


def events():
    time = datetime.datetime(2026, 11, 21, 1, 2, 3, 123456, tzinfo=UTC)
    return [
        CloudEvent(
            "/contoso",
            "Contoso.Items.Created",
            id="one",
            time=time,
            subject="items/ä",
            datacontenttype="application/json",
            dataschema="https://contoso.example/schema",
            data={"a": [1, 2.5, None, "ü"]},
            extensions={"region": "west", "count": 7},
        ),
        CloudEvent(
            "/contoso",
            "Contoso.Items.Created",
            id="two",
            time=time,
            datacontenttype="application/octet-stream",
            data=b"\x00\xff\x10",
        ),
    ]


def publish(credential, **options):
    EventGridPublisherClient(job["endpoint"], credential).send(
        events(), channel_name=job["channel"], **options
    )


tokens = Tokens()
publish(AzureKeyCredential(job["key"]))
sas = generate_sas(job["endpoint"], job["key"], datetime.datetime(2099, 1, 2, 15, 4, 5))
publish(AzureSasCredential(sas))
publish(AzureSasCredential(job["sas"]))
# Access tokens go over plain http only if one says so.
publish(tokens, enforce_https=False)

unsigned, _ = job["sas"].split("&s=")
decoded = [CloudEvent.from_dict(event) for event in json.loads(job["published"])]
print(
    json.dumps(
        {
            "signature": _generate_hmac(job["key"], unsigned).decode(),
            "scopes": tokens.scopes,
            "decoded": [
                [event.id, event.subject, base64.b64encode(event.data).decode()]
                if isinstance(event.data, bytes)
                else [event.id, event.subject, event.data]
                for event in decoded
            ],
        }
    )
)
