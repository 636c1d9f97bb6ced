//! The credential of a publisher, from the environment.

use std::env;
use std::error::Error;

use partner_center_webhooks::cloud::Cloud;
use partner_center_webhooks::event_grid::{AccessKey, Credential, SasToken};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::token::{AccessToken, Application, ClientCredentials};

use crate::failure::Failure;

pub(super) const HELP: &str = "\
Credentials come from the environment, the first of:
  EVENT_GRID_KEY       an access key of the namespace, which `sign` needs
  EVENT_GRID_SAS       a shared access signature
  EVENT_GRID_TOKEN     an access token
  AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET
                       an application with the role EventGrid Data Sender

Exit code: 0 all events were accepted, which does not mean delivered; 1 not all; 4 no credential; 2 the command line or a file is \
invalid.";

/// The access key in the environment.
pub(super) fn key() -> Result<AccessKey, Failure> {
    let key =
        variable(KEY).ok_or_else(|| Failure::credentials(format_args!("{KEY} is not set")))?;
    AccessKey::new(key).map_err(|error| invalid(KEY, &error))
}

/// The first credential that the environment has.
pub(super) fn of_environment(http: ReqwestClient) -> Result<Credential, Failure> {
    if variable(KEY).is_some() {
        return Ok(key()?.into());
    }
    if let Some(sas) = variable("EVENT_GRID_SAS") {
        let sas = SasToken::new(sas).map_err(|error| invalid("EVENT_GRID_SAS", &error))?;
        return Ok(sas.into());
    }
    if let Some(token) = variable("EVENT_GRID_TOKEN") {
        let token = AccessToken::new(token).map_err(|error| invalid("EVENT_GRID_TOKEN", &error))?;
        return Ok(Credential::bearer(token));
    }
    let required = |name| {
        variable(name).ok_or_else(|| {
            Failure::credentials(format_args!("neither {KEY} nor {name} is set"))
                .or_try("partner-center event-grid publish --help")
        })
    };
    let tenant = required("AZURE_TENANT_ID")?;
    let client = required("AZURE_CLIENT_ID")?;
    let secret = required("AZURE_CLIENT_SECRET")?;
    let application = Application::new(&Cloud::Global, &tenant, client, secret);
    let application = application.map_err(|error| invalid("AZURE_TENANT_ID", &error))?;
    Ok(Credential::bearer(ClientCredentials::new(application, http)))
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn invalid(name: &str, error: &dyn Error) -> Failure {
    Failure::usage(format_args!("{name}: {error}"))
}

const KEY: &str = "EVENT_GRID_KEY";
