//! Credentials from the environment.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use partner_center_webhooks::cloud::Cloud;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::token::{
    AccessToken, Application, ClientCredentials, RefreshToken, SaveError, SecretString,
    StaticToken, TokenProvider,
};
use secrecy::ExposeSecret as _;

use crate::environment::variable;
use crate::outcome::Failure;

const ACCESS_TOKEN: &str = "PARTNER_CENTER_ACCESS_TOKEN";
const REFRESH_TOKEN_FILE: &str = "PARTNER_CENTER_REFRESH_TOKEN_FILE";

/// Whoever the environment says.
pub(crate) fn provider(
    cloud: &Cloud,
    http: ReqwestClient,
) -> Result<Arc<dyn TokenProvider>, Failure> {
    if let Some(token) = variable(ACCESS_TOKEN)? {
        return Ok(Arc::new(StaticToken::new(AccessToken::new(token)?)));
    }
    let application = Application::new(
        cloud,
        &required(
            "PARTNER_CENTER_TENANT_ID",
            "the tenant of the partner: its id or a domain name",
        )?,
        required(
            "PARTNER_CENTER_CLIENT_ID",
            "the id of an application in that tenant",
        )?,
        required(
            "PARTNER_CENTER_CLIENT_SECRET",
            "a secret of that application",
        )?,
    )
    .map_err(|error| format!("PARTNER_CENTER_TENANT_ID: {error}"))?;
    let Some(file) = variable(REFRESH_TOKEN_FILE)? else {
        return Ok(Arc::new(ClientCredentials::new(application, http)));
    };
    let refresh_token = fs::read_to_string(&file)
        .map_err(|error| format!("{REFRESH_TOKEN_FILE} names {file}: {error}"))?;
    let file = PathBuf::from(file);
    let save = move |token: SecretString| {
        let saved = replace(&file, &token);
        async move { saved.map_err(SaveError::from) }
    };
    Ok(Arc::new(RefreshToken::new(
        application,
        refresh_token.trim(),
        http,
        save,
    )))
}

/// Writes a new file, for its owner alone, and puts it in the place of the old one: there is always a whole one.
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
