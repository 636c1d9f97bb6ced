//! Credentials from the environment.

use std::fmt::Display;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use partner_center_webhooks::cloud::Cloud;
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::token::{
    AccessToken, Application, ApplicationError, ClientCredentials, Credential, RefreshToken,
    SecretString, TokenProvider,
};

use crate::environment::variable;
use crate::outcome::Failure;

const ACCESS_TOKEN: &str = "PARTNER_CENTER_ACCESS_TOKEN";
pub(crate) const GRAPH_TOKEN: &str = "PARTNER_CENTER_GRAPH_TOKEN";
pub(crate) const REFERRALS_TOKEN: &str = "PARTNER_CENTER_REFERRALS_TOKEN";
const CLIENT_SECRET: &str = "PARTNER_CENTER_CLIENT_SECRET";
const CERTIFICATE_FILE: &str = "PARTNER_CENTER_CLIENT_CERTIFICATE_FILE";
const FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
const REFRESH_TOKEN_FILE: &str = "PARTNER_CENTER_REFRESH_TOKEN_FILE";

/// The token providers of each API.
pub(crate) struct Providers {
    pub(crate) partner_center: Arc<dyn TokenProvider>,
    pub(crate) graph: Option<Arc<dyn TokenProvider>>,
    pub(crate) referrals: Option<Arc<dyn TokenProvider>>,
}

/// The providers that the environment describes: an application gets tokens for every audience; an access token has only one.
pub(crate) fn providers(cloud: &Cloud, http: ReqwestClient) -> Result<Providers, Failure> {
    if let Some(partner_center) = access_token(ACCESS_TOKEN)? {
        return Ok(Providers {
            partner_center,
            graph: access_token(GRAPH_TOKEN)?,
            referrals: access_token(REFERRALS_TOKEN)?,
        });
    }
    let application = application(cloud, http)?;
    Ok(Providers {
        graph: Some(application.clone()),
        referrals: Some(application.clone()),
        partner_center: application,
    })
}

fn access_token(name: &str) -> Result<Option<Arc<dyn TokenProvider>>, Failure> {
    let Some(token) = variable(name)? else {
        return Ok(None);
    };
    let token = AccessToken::new(token).map_err(|error| format!("{name}: {error}"))?;
    Ok(Some(Arc::new(token)))
}

fn application(cloud: &Cloud, http: ReqwestClient) -> Result<Arc<dyn TokenProvider>, Failure> {
    let application = Application::new(
        cloud,
        &required(
            "PARTNER_CENTER_TENANT_ID",
            "the tenant of the partner: its id or a domain name",
        )?,
        required("PARTNER_CENTER_CLIENT_ID", "the id of an application in that tenant")?,
        credential()?,
    )
    .map_err(|error| match error {
        ApplicationError::Tenant { .. } => format!("PARTNER_CENTER_TENANT_ID: {error}"),
        _ => error.to_string(),
    })?;
    let Some(file) = variable(REFRESH_TOKEN_FILE)? else {
        return Ok(Arc::new(ClientCredentials::new(application, http)));
    };
    let refresh_token = fs::read_to_string(&file)
        .map_err(|error| format!("{REFRESH_TOKEN_FILE} names {file}: {error}"))?;
    let file = PathBuf::from(file);
    let save = move |token: SecretString| {
        let saved = replace(&file, &token);
        async move { saved.map_err(Into::into) }
    };
    Ok(Arc::new(RefreshToken::new(application, refresh_token.trim(), http, save)))
}

/// The first that is set; a refresh token needs none. The platform sets the variable of the federated token, so variables that
/// were set on purpose come first.
fn credential() -> Result<Credential, Failure> {
    if let Some(file) = variable(CERTIFICATE_FILE)? {
        let named = |error: &dyn Display| format!("{CERTIFICATE_FILE} names {file}: {error}");
        let pem = fs::read(&file).map_err(|error| named(&error))?;
        let credential = Credential::certificate(&DefaultBackend::new(), &pem, &pem);
        return Ok(credential.map_err(|error| named(&error))?);
    }
    if let Some(secret) = variable(CLIENT_SECRET)? {
        return Ok(secret.into());
    }
    if let Some(file) = variable(FEDERATED_TOKEN_FILE)? {
        return Ok(Credential::federated_token_file(file));
    }
    match variable(REFRESH_TOKEN_FILE)? {
        Some(_) => Ok(Credential::public_client()),
        None => Ok(required(CLIENT_SECRET, "a secret of that application")?.into()),
    }
}

/// Writes a new file that only its owner can read, and renames it over the old one, so that the file is always complete.
fn replace(file: &Path, token: &SecretString) -> io::Result<()> {
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&new)?;
    written.write_all(token.expose_secret().as_bytes())?;
    written.sync_all()?;
    fs::rename(&new, file)
}

fn required(name: &str, what: &str) -> Result<String, Failure> {
    variable(name)?.ok_or_else(|| {
        format!("{name} is not set ({what}); or set {ACCESS_TOKEN}. `registration --help` lists all variables").into()
    })
}
