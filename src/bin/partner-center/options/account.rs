//! Credentials for the API.

use std::env;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use partner_center_webhooks::cloud::Cloud;
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::token::{
    AccessToken, Application, ApplicationError, ClientCredentials, Credential, RefreshToken,
    SecretString, TokenProvider,
};

use super::files::{self, read, replace_secret};
use crate::configuration::names::variable;
use crate::failure::Failure;

/// The options of every command that calls the API.
///
/// Secrets are not flags, because other users of a machine can see those. They are variables without `_FILE`, or files.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AccountOptions {
    /// The tenant of the partner: its id or a domain name
    #[arg(long, value_name = "TENANT", help_heading = "Account")]
    tenant_id: Option<String>,
    /// The id of an application in that tenant
    #[arg(long, value_name = "ID", help_heading = "Account")]
    client_id: Option<String>,
    /// A file with a secret of the application; or set PARTNER_CENTER_CLIENT_SECRET
    #[arg(long, value_name = "FILE", help_heading = "Account")]
    client_secret_file: Option<PathBuf>,
    /// PEM with a certificate of the application and its private key, instead of a secret
    #[arg(long, value_name = "FILE", help_heading = "Account")]
    client_certificate_file: Option<PathBuf>,
    /// A file with a federated token, instead of a secret; or set AZURE_FEDERATED_TOKEN_FILE
    #[arg(long, value_name = "FILE", help_heading = "Account")]
    federated_token_file: Option<PathBuf>,
    /// A file with a refresh token, to act for a user. It is replaced at each use. Without a secret, certificate or federated
    /// token the application is a public client
    #[arg(long, value_name = "FILE", help_heading = "Account")]
    refresh_token_file: Option<PathBuf>,
    /// A file with an access token for Partner Center, instead of an application; or set PARTNER_CENTER_ACCESS_TOKEN
    #[arg(long, value_name = "FILE", help_heading = "Account")]
    access_token_file: Option<PathBuf>,
    /// A file with an access token for Microsoft Graph; or set PARTNER_CENTER_GRAPH_TOKEN
    #[arg(long, value_name = "FILE", help_heading = "Account")]
    graph_token_file: Option<PathBuf>,
    /// A file with an access token for the referrals API; or set PARTNER_CENTER_REFERRALS_TOKEN
    #[arg(long, value_name = "FILE", help_heading = "Account")]
    referrals_token_file: Option<PathBuf>,
}

/// The token providers of each API.
pub(crate) struct Providers {
    pub(crate) partner_center: Arc<dyn TokenProvider>,
    pub(crate) graph: Option<Arc<dyn TokenProvider>>,
    pub(crate) referrals: Option<Arc<dyn TokenProvider>>,
}

impl AccountOptions {
    /// Whether there is anything to show to the API.
    pub(crate) fn is_configured(&self) -> bool {
        let token = self.access_token_file.is_some() || environment("access-token").is_some();
        token || self.tenant_id.is_some() || self.client_id.is_some()
    }

    /// An application gives tokens for every API; an access token is for one.
    pub(crate) fn providers(
        &self,
        cloud: &Cloud,
        http: ReqwestClient,
    ) -> Result<Providers, Failure> {
        if let Some(partner_center) =
            access_token("access-token", self.access_token_file.as_deref())?
        {
            return Ok(Providers {
                partner_center,
                graph: access_token("graph-token", self.graph_token_file.as_deref())?,
                referrals: access_token("referrals-token", self.referrals_token_file.as_deref())?,
            });
        }
        let application = self.application(cloud, http)?;
        Ok(Providers {
            graph: Some(Arc::clone(&application)),
            referrals: Some(Arc::clone(&application)),
            partner_center: application,
        })
    }

    fn application(
        &self,
        cloud: &Cloud,
        http: ReqwestClient,
    ) -> Result<Arc<dyn TokenProvider>, Failure> {
        let tenant = self.tenant_id.as_deref();
        let tenant = tenant.ok_or_else(|| {
            missing("tenant-id", "the tenant of the partner: its id or a domain name")
        })?;
        let client = self.client_id.clone();
        let client = client
            .ok_or_else(|| missing("client-id", "the id of an application in that tenant"))?;
        let application = Application::new(cloud, tenant, client, self.credential()?);
        let application = application.map_err(|error| match error {
            ApplicationError::Tenant { .. } => Failure::usage(format_args!("--tenant-id: {error}")),
            error => Failure::usage(error),
        })?;
        let refresh_token = match &self.refresh_token_file {
            Some(file) => files::secret("--refresh-token-file", file)?,
            None => return Ok(Arc::new(ClientCredentials::new(application, http))),
        };
        let file = self.refresh_token_file.clone().unwrap_or_default();
        let save = move |token: SecretString| {
            let saved = replace_secret(&file, token.expose_secret().as_bytes());
            async move { saved.map_err(Into::into) }
        };
        Ok(Arc::new(RefreshToken::new(application, refresh_token, http, save)))
    }

    /// The first one that is set. The platform sets the variable of the federated token, so it comes after what somebody set on
    /// purpose.
    fn credential(&self) -> Result<Credential, Failure> {
        if let Some(file) = &self.client_certificate_file {
            let flag = "--client-certificate-file";
            let pem = read(flag, file)?;
            let credential = Credential::certificate(&DefaultBackend::new(), &pem, &pem);
            return credential.map_err(|error| Failure::file(flag, file, error));
        }
        if let Some(secret) = secret("client-secret", self.client_secret_file.as_deref())? {
            return Ok(secret.into());
        }
        let platform = || env::var_os("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from);
        if let Some(file) = self.federated_token_file.clone().or_else(platform) {
            return Ok(Credential::federated_token_file(file));
        }
        match &self.refresh_token_file {
            Some(_) => Ok(Credential::public_client()),
            None => Err(missing("client-secret", "a secret of that application")),
        }
    }
}

fn access_token(
    name: &str,
    file: Option<&Path>,
) -> Result<Option<Arc<dyn TokenProvider>>, Failure> {
    let Some(token) = secret(name, file)? else {
        return Ok(None);
    };
    let invalid = |error: &dyn Display| Failure::usage(format_args!("{}: {error}", variable(name)));
    let token = AccessToken::new(token).map_err(|error| invalid(&error))?;
    Ok(Some(Arc::new(token)))
}

/// A secret from its file or its variable.
pub(crate) fn secret(name: &str, file: Option<&Path>) -> Result<Option<String>, Failure> {
    match file {
        Some(file) => files::secret(&format!("--{name}-file"), file).map(Some),
        None => Ok(environment(name)),
    }
}

fn environment(name: &str) -> Option<String> {
    env::var(variable(name)).ok().filter(|value| !value.is_empty())
}

fn missing(name: &str, what: &str) -> Failure {
    Failure::credentials(format_args!("{} is not set ({what})", variable(name)))
        .because("the API wants an application, or an access token in PARTNER_CENTER_ACCESS_TOKEN")
        .or_try("partner-center register --help")
}
