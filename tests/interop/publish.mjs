// Publishes with Microsoft's own client. In: a JSON object as first argument. Out: a JSON object.

import { createRequire } from "node:module";
import { join } from "node:path";

// This file lies outside of the folder that the client is installed in.
const require = createRequire(join(process.cwd(), "package.json"));
const {
  AzureKeyCredential,
  AzureSASCredential,
  EventGridDeserializer,
  EventGridPublisherClient,
  generateSharedAccessSignature,
} = require("@azure/eventgrid");

const job = JSON.parse(process.argv[2]);

const scopes = [];
const tokens = {
  async getToken(scope) {
    scopes.push(scope);
    return { token: job.token, expiresOnTimestamp: Date.UTC(2100) };
  },
};

const time = new Date(Date.UTC(2026, 10, 21, 1, 2, 3, 123));
const events = [
  {
    source: "/contoso",
    type: "Contoso.Items.Created",
    id: "one",
    time,
    subject: "items/ä",
    datacontenttype: "application/json",
    dataschema: "https://contoso.example/schema",
    data: { a: [1, 2.5, null, "ü"] },
    extensionAttributes: { region: "west", count: 7 },
  },
  {
    source: "/contoso",
    type: "Contoso.Items.Created",
    id: "two",
    time,
    datacontenttype: "application/octet-stream",
    data: new Uint8Array([0, 255, 16]),
  },
];

async function publish(endpoint, credential, options) {
  const client = new EventGridPublisherClient(endpoint, "CloudEvent", credential, options);
  await client.send(events, { channelName: job.channel });
}

const insecure = { allowInsecureConnection: true };
const key = new AzureKeyCredential(job.key);
await publish(job.endpoint, key, insecure);
const expiry = new Date(Date.UTC(2099, 0, 2, 15, 4, 5));
const sas = await generateSharedAccessSignature(job.endpoint, key, expiry);
await publish(job.endpoint, new AzureSASCredential(sas), insecure);
await publish(job.endpoint, new AzureSASCredential(job.sas), insecure);
// Access tokens go to https alone, whatever the flag says: the scheme is changed after the token was put in.
await publish(job.endpoint.replace("http:", "https:"), tokens, {
  additionalPolicies: [
    {
      position: "perRetry",
      policy: {
        name: "plainHttp",
        sendRequest(request, next) {
          request.url = request.url.replace("https:", "http:");
          request.allowInsecureConnection = true;
          return next(request);
        },
      },
    },
  ],
});

const decoded = await new EventGridDeserializer().deserializeCloudEvents(job.published);
console.log(
  JSON.stringify({
    sas,
    scopes: scopes.flat(),
    decoded: decoded.map(({ id, subject, data }) => [
      id,
      subject ?? null,
      data instanceof Uint8Array ? Buffer.from(data).toString("base64") : data,
    ]),
  }),
);
