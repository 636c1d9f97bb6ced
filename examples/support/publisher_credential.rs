//! The credential of a publisher, from the environment.

#[path = "environment.rs"]
mod environment;

use std::error::Error;

use environment::variable;
use partner_center_webhooks::cloud::Cloud;
use partner_center_webhooks::event_grid::{AccessKey, Credential, SasToken};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::token::{AccessToken, Application, ClientCredentials};

type Failure = Box<dyn Error>;

/// The access key in the environment.
pub(crate) fn key() -> Result<AccessKey, Failure> {
    let key = variable(KEY)?.ok_or_else(|| format!("{KEY} is not set"))?;
    Ok(AccessKey::new(key)?)
}

/// The first credential in the environment.
pub(crate) fn credential(http: ReqwestClient) -> Result<Credential, Failure> {
    if variable(KEY)?.is_some() {
        return Ok(key()?.into());
    }
    if let Some(sas) = variable("EVENT_GRID_SAS")? {
        return Ok(SasToken::new(sas)?.into());
    }
    if let Some(token) = variable("EVENT_GRID_TOKEN")? {
        let token = AccessToken::new(token)?;
        return Ok(Credential::bearer(token));
    }
    let required = |name| {
        variable(name)?.ok_or_else(|| {
            format!("neither {KEY} nor {name} is set; `--help` lists all variables").into()
        })
    };
    let [tenant, client, secret]: [Result<String, Failure>; 3] =
        ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"].map(required);
    let application = Application::new(&Cloud::Global, &tenant?, client?, secret?)?;
    Ok(Credential::bearer(ClientCredentials::new(application, http)))
}

const KEY: &str = "EVENT_GRID_KEY";
