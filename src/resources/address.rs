//! The host and path of a resource, decided from the event before a token is requested.

use http::Uri;
use http::uri::InvalidUri;

use super::error::ResourceError;
use crate::cloud::Cloud;
use crate::event::{Event, Resource};
use crate::http_client::endpoint::{Endpoint, canonical_authority};
use crate::mask::Excerpt;

/// The API that serves a resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Target {
    Graph,
    PartnerCenter,
    Referrals,
}

impl Target {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Graph => "Microsoft Graph",
            Self::PartnerCenter => "Partner Center",
            Self::Referrals => "the referrals API",
        }
    }

    /// The constructor or method of the client that takes its token provider.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Graph => "with_graph",
            Self::PartnerCenter => "new",
            Self::Referrals => "with_referrals",
        }
    }
}

/// An API, and the path and query there.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) target: Target,
    pub(super) path: String,
}

impl Address {
    /// The address of the resource of `event`.
    pub(super) fn of_resource(
        event: &Event,
        partner_center: &Endpoint,
        cloud: &Cloud,
    ) -> Result<Self, ResourceError> {
        let Some(text) = event.resource_uri() else {
            return Err(ResourceError::NoResource);
        };
        let uri = parse(text)?;
        let resource = event.resource();
        let (target, path) = match &resource {
            Resource::GranularAdminRelationship { relationship } => {
                (Target::Graph, format!("{RELATIONSHIPS}/{relationship}"))
            }
            Resource::GranularAdminAccessAssignment { relationship, assignment } => {
                let path = format!("{RELATIONSHIPS}/{relationship}/accessAssignments/{assignment}");
                (Target::Graph, path)
            }
            Resource::Referral { referral } => {
                (Target::Referrals, format!("{REFERRALS}/{referral}"))
            }
            Resource::Transfer { transfer: None, .. } => return Err(ResourceError::NoTransferId),
            Resource::Transfer { customer, transfer: Some(transfer) } => {
                let path = format!("/v1/customers/{customer}/transfers/{transfer}");
                (Target::PartnerCenter, path)
            }
            _ => (Target::PartnerCenter, mapped(&uri, text)?),
        };
        let is_known_host = partner_center.is_host_of(&uri)
            || match target {
                Target::Graph => canonical_authority(&uri).eq_ignore_ascii_case(PORTAL),
                Target::PartnerCenter => false,
                Target::Referrals => {
                    is_host_of(cloud.referrals_base(), &uri)
                        || REFERRAL_HOSTS
                            .iter()
                            .any(|host| canonical_authority(&uri).eq_ignore_ascii_case(host))
                }
            };
        match is_known_host && is_plain(&path) {
            true => Ok(Self { target, path }),
            false => Err(refused(text)),
        }
    }

    /// The address of the audit record of `event`.
    pub(super) fn of_audit_record(
        event: &Event,
        partner_center: &Endpoint,
    ) -> Result<Self, ResourceError> {
        let Some(text) = event.audit_uri() else {
            return Err(ResourceError::NoAuditRecord);
        };
        let uri = parse(text)?;
        let path = uri.path();
        let (collection, id) = path.rsplit_once('/').unwrap_or_default();
        let is_audit_record =
            AUDIT_RECORDS.iter().any(|known| known.eq_ignore_ascii_case(collection));
        let is_known = is_audit_record
            && !id.is_empty()
            && uri.query().is_none()
            && partner_center.is_host_of(&uri)
            && is_plain(path);
        match is_known {
            true => Ok(Self { target: Target::PartnerCenter, path: path.to_owned() }),
            false => Err(refused(text)),
        }
    }

    pub(super) fn is_of_fraud_events(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        path.eq_ignore_ascii_case("/v1/fraudEvents")
    }
}

fn parse(text: &str) -> Result<Uri, ResourceError> {
    let uri: Uri = text.parse().map_err(|_: InvalidUri| refused(text))?;
    let is_web = ["http", "https"].contains(&uri.scheme_str().unwrap_or_default());
    match is_web && !text.contains('#') {
        true => Ok(uri),
        false => Err(refused(text)),
    }
}

/// The path and query of a resource of Partner Center. Some events name resources under `webhooks/v1`, which only has the
/// registration API.
fn mapped(uri: &Uri, text: &str) -> Result<String, ResourceError> {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let lower = path.to_ascii_lowercase();
    let rest = if lower.starts_with("/webhooks/v1/registration/") {
        return Ok(path.to_owned());
    } else if lower.starts_with("/webhooks/v1/") {
        path.get("/webhooks/v1".len()..)
    } else if lower.starts_with("/v1/") {
        path.get("/v1".len()..)
    } else {
        None
    };
    match rest {
        Some(rest) => Ok(format!("/v1{rest}")),
        None => Err(refused(text)),
    }
}

/// Whether every server reads a path and query in the same way.
fn is_plain(path: &str) -> bool {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_plain = |text: &str, also: &[u8]| {
        text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte)
        })
    };
    let is_segment = |segment: &str| !["", ".", ".."].contains(&segment) && is_plain(segment, b"");
    path.strip_prefix('/').is_some_and(|path| path.trim_end_matches('/').split('/').all(is_segment))
        && is_plain(query, b"=&")
}

fn is_host_of(base: &str, uri: &Uri) -> bool {
    base.parse().is_ok_and(|base: Uri| {
        canonical_authority(&base).eq_ignore_ascii_case(canonical_authority(uri))
    })
}

fn refused(text: &str) -> ResourceError {
    ResourceError::NotAllowed { uri: Excerpt::of_url(text) }
}

/// Source: "delegatedAdminRelationship resource type", Microsoft Graph.
const RELATIONSHIPS: &str = "/v1.0/tenantRelationships/delegatedAdminRelationships";

/// Source: "Referrals", Partner Center API reference.
const REFERRALS: &str = "/v1.0/engagements/referrals";

/// The hosts in the events of referrals, in every cloud. They only identify the resource; the cloud's own host is called.
///
/// Source: "Partner Center webhook events" for the first, "Get a referral by ID" for the second.
const REFERRAL_HOSTS: [&str; 2] = ["api.partnercenter.microsoft.com", "api.partner.microsoft.com"];

/// The host in the events of delegated admin relationships: a portal without an API.
const PORTAL: &str = "partner.microsoft.com";

/// Source: "Partner Center webhook events", syntax, example, and the page of 2018.
const AUDIT_RECORDS: [&str; 3] =
    ["/auditactivity/v1/auditrecords", "/v1/auditrecords", "/webhooks/v1/auditrecords"];

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "https://api.partnercenter.microsoft.com";
    const PARTNER: &str = "b7d51f66-66a6-4e15-8244-e69bfd3344e2";
    const CUSTOMER: &str = "4cfba01c-47d4-4b91-9559-740129e7352b";
    const TRANSFER: &str = "bf8c56ab-7094-4429-847e-73f019e4ab7c";

    fn event(name: &str, resource_uri: &str, audit_uri: &str) -> Event {
        let event = serde_json::json!({
            "EventName": name, "ResourceUri": resource_uri, "AuditUri": audit_uri,
        });
        Event::from_slice(event.to_string().as_bytes()).unwrap()
    }

    fn address(name: &str, resource_uri: &str, audit_uri: &str) -> String {
        let endpoint = Endpoint::new(HOST).unwrap();
        match Address::of_resource(&event(name, resource_uri, audit_uri), &endpoint, &Cloud::Global)
        {
            Ok(address) => format!("{}: {}", address.target.name(), address.path),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_resource_has_its_address() {
        let audit = format!(
            "{HOST}/auditactivity/v1/auditrecords/{PARTNER}_{CUSTOMER}_{TRANSFER}_createtransfer_638696114586278540"
        );
        for (uri, called) in [
            (
                "https://api.partnercenter.microsoft.com/v1/customers/C/subscriptions/S",
                "Partner Center: /v1/customers/C/subscriptions/S",
            ),
            (
                "http://api.partnercenter.microsoft.com/webhooks/v1/customers/C/subscriptions/S",
                "Partner Center: /v1/customers/C/subscriptions/S",
            ),
            (
                "HTTPS://API.PartnerCenter.Microsoft.com:443/WEBHOOKS/V1/customers/C",
                "Partner Center: /v1/customers/C",
            ),
            (
                "https://api.partnercenter.microsoft.com/v1/invoices/G000024135",
                "Partner Center: /v1/invoices/G000024135",
            ),
            (
                "https://api.partnercenter.microsoft.com/v1/customers/usagerecords",
                "Partner Center: /v1/customers/usagerecords",
            ),
            (
                "https://api.partnercenter.microsoft.com/v1/fraudEvents?SubscriptionId=S&EventStatus=Active",
                "Partner Center: /v1/fraudEvents?SubscriptionId=S&EventStatus=Active",
            ),
            (
                "http://api.partnercenter.microsoft.com/webhooks/v1/registration/validationEvents/V",
                "Partner Center: /webhooks/v1/registration/validationEvents/V",
            ),
            (
                "https://api.partnercenter.microsoft.com/v1/customers/C/migrations/newcommerce/M",
                "Partner Center: /v1/customers/C/migrations/newcommerce/M",
            ),
            (
                "http://api.partnercenter.microsoft.com/webhooks/v1/customers/C/migrations/newcommerce/schedules/S",
                "Partner Center: /v1/customers/C/migrations/newcommerce/schedules/S",
            ),
            (
                "https://api.partnercenter.microsoft.com/v1/brand/new",
                "Partner Center: /v1/brand/new",
            ),
            (
                "https://api.partnercenter.microsoft.com/engagements/v1/referrals/R",
                "the referrals API: /v1.0/engagements/referrals/R",
            ),
            (
                "https://api.partner.microsoft.com/v1.0/engagements/referrals/R",
                "the referrals API: /v1.0/engagements/referrals/R",
            ),
            (
                "https://partner.microsoft.com/granularAdminRelationships/R-1",
                "Microsoft Graph: /v1.0/tenantRelationships/delegatedAdminRelationships/R-1",
            ),
            (
                "https://partner.microsoft.com/granularAdminRelationships/R-1/accessAssignments/A",
                "Microsoft Graph: /v1.0/tenantRelationships/delegatedAdminRelationships/R-1/accessAssignments/A",
            ),
        ] {
            assert_eq!(address("x", uri, ""), called, "{uri}");
        }
        let customer = format!("{HOST}/v1/customers/{CUSTOMER}");
        assert_eq!(
            address("create-transfer", &customer, &audit),
            format!("Partner Center: /v1/customers/{CUSTOMER}/transfers/{TRANSFER}")
        );
        assert_eq!(
            address("create-transfer", &customer, ""),
            "the event is about a transfer but does not identify it (neither its resource nor its audit record has an id)"
        );
    }

    #[test]
    fn every_other_host_and_path_is_refused() {
        for uri in [
            "https://evil.example/v1/invoices/I",
            "https://api.partnercenter.microsoft.com.evil.example/v1/invoices/I",
            "https://api.partnercenter.microsoft.com@evil.example/v1/invoices/I",
            "https://user@api.partnercenter.microsoft.com/v1/invoices/I",
            "https://api.partnercenter.microsoft.com:8443/v1/invoices/I",
            "https://api.partnercenter.microsoft.com./v1/invoices/I",
            "https://partner.microsoft.com/v1/invoices/I",
            "https://partner.microsoft.com.evil.example/granularAdminRelationships/R-1",
            "https://evil.example/granularAdminRelationships/R-1",
            "https://evil.example/engagements/v1/referrals/R",
            "https://user@api.partner.microsoft.com/v1.0/engagements/referrals/R",
            "https://api.partner.microsoft.com.evil.example/v1.0/engagements/referrals/R",
            "https://api.partner.microsoft.com:8443/v1.0/engagements/referrals/R",
            "https://api.partner.microsoft.com/v1/invoices/I",
            "http://localhost:16722/v1/webhooks/registration/test",
            "https://169.254.169.254/v1/invoices/I",
            "ftp://api.partnercenter.microsoft.com/v1/invoices/I",
            "https://api.partnercenter.microsoft.com/v1/invoices/I#part",
            "https://api.partnercenter.microsoft.com/v1/../../evil",
            "https://api.partnercenter.microsoft.com/v1/%2e%2e/evil",
            "https://api.partnercenter.microsoft.com/v1//invoices/I",
            r"https://api.partnercenter.microsoft.com/v1/invoices\I",
            "https://api.partnercenter.microsoft.com/v1/invoices/I?redirect=https://evil.example",
            "https://api.partnercenter.microsoft.com/v1/invoices/{InvoiceId}",
            "https://api.partnercenter.microsoft.com/v2/invoices/I",
            "https://api.partnercenter.microsoft.com/invoices/I",
            "https://api.partnercenter.microsoft.com",
            "/v1/invoices/I",
            "//api.partnercenter.microsoft.com/v1/invoices/I",
            "",
        ] {
            let text = address("x", uri, "");
            assert!(text.contains("is not called"), "{uri}: {text}");
        }
        let bare = Event::from_slice(br#"{"EventName":"x","ResourceUri":null}"#).unwrap();
        let endpoint = Endpoint::new(HOST).unwrap();
        let error = Address::of_resource(&bare, &endpoint, &Cloud::Global).unwrap_err();
        assert_eq!(error.to_string(), "the event does not name a resource (its audit record may)");
        let error = Address::of_audit_record(&bare, &endpoint).unwrap_err();
        assert_eq!(error.to_string(), "the event does not name an audit record");
    }

    #[test]
    fn audit_records() {
        let endpoint = Endpoint::new(HOST).unwrap();
        let read = |uri: &str| Address::of_audit_record(&event("x", "", uri), &endpoint);
        for path in [
            "/auditactivity/v1/auditrecords/A_1",
            "/v1/auditrecords/A_1",
            "/webhooks/v1/AuditRecords/A_1",
        ] {
            assert_eq!(read(&format!("{HOST}{path}")).unwrap().path, path);
        }
        for uri in [
            "https://evil.example/auditactivity/v1/auditrecords/A",
            "https://api.partnercenter.microsoft.com/auditactivity/v1/auditrecords/",
            "https://api.partnercenter.microsoft.com/auditactivity/v1/auditrecords/A?b=c",
            "https://api.partnercenter.microsoft.com/auditactivity/v1/auditrecords/A/b",
            "https://api.partnercenter.microsoft.com/auditactivity/v1/auditrecords/..",
            "https://api.partnercenter.microsoft.com/v1/customers/A",
            "https://api.partnercenter.microsoft.com/x/auditactivity/v1/auditrecords/A",
        ] {
            assert!(read(uri).unwrap_err().to_string().contains("is not called"), "{uri}");
        }
    }
}
