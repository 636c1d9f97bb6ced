//! The certificate host and the authorities, as a receiver sees them.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use partner_center_webhooks::Excerpt;
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use partner_center_webhooks::source::{
    BundleError, CertificateBundle, CertificateSource, CertificateUrl, SourceError, StatusRefusal,
};
use tokio::time::sleep;

use super::ground::{Ground, Host, Reach, Shared};
use super::memory::Listing;
use super::pki::{POOL, part_of};
use super::truth::CertId;

/// The certificate host and the authorities, as one receiver sees them.
#[derive(Clone, Debug)]
pub(crate) struct Fakes {
    ground: Shared,
    /// The number of the receiver.
    generation: usize,
}

/// The outcome of a fetch, decided when it starts.
struct Reply<T> {
    /// `None`: never.
    after: Option<Duration>,
    content: T,
}

/// The object of a fetch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fetch {
    /// The signing certificate.
    Certificate,
    /// A revocation list, or the certificate of an issuer.
    Evidence,
    /// The content of a name that Microsoft does not have.
    Invented,
}

/// A fetch under way. It is dropped when the fetch ends in any way.
struct UnderWay {
    ground: Shared,
    /// `None` for an invented name.
    url: Option<String>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.ground.lock().bounds.ended(self.url.as_deref());
    }
}

impl<T> Reply<T> {
    /// Never ready if no time is given.
    async fn wait(self) -> T {
        match self.after {
            Some(after) => sleep(after).await,
            None => std::future::pending().await,
        }
        self.content
    }
}

impl Fakes {
    pub(crate) fn new(ground: &Shared, generation: usize) -> Self {
        Self { ground: ground.clone(), generation }
    }

    fn departs(&self, url: &str, what: Fetch) -> UnderWay {
        let mut ground = self.ground.lock();
        let at = ground.clock.moment().ms;
        if what != Fetch::Invented {
            let name = url.rsplit('/').next().unwrap();
            ground.log(format!("receiver {} fetches {name}", self.generation));
        }
        let outcome = match what {
            Fetch::Certificate => ground.bounds.certificate_departs(url, at),
            Fetch::Evidence => ground.bounds.evidence_departs(url, at),
            Fetch::Invented => ground.bounds.name_departs(at),
        };
        ground.record(outcome);
        UnderWay {
            ground: self.ground.clone(),
            url: (what != Fetch::Invented).then(|| url.to_owned()),
        }
    }
}

impl CertificateSource for Fakes {
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
        Box::pin(async move {
            let what = match self.ground.lock().url == url.as_str() {
                true => Fetch::Certificate,
                false => Fetch::Invented,
            };
            let _under_way = self.departs(url.as_str(), what);
            let reply = match what {
                Fetch::Invented => invented(&mut self.ground.lock(), url.as_str()),
                _ => certificate(&mut self.ground.lock()),
            };
            let (served, outcome) = reply.wait().await;
            let mut ground = self.ground.lock();
            if let Some(served) = served
                && ground.memory.generation == self.generation
            {
                ground.certificate_delivered(served);
            }
            outcome
        })
    }
}

type Served = (Option<CertId>, Result<CertificateBundle, SourceError>);

fn certificate(ground: &mut Ground) -> Reply<Served> {
    let quick = ground.network.between(5, 60);
    let after = match ground.host {
        Host::Hanging => None,
        Host::Slow(ms) => Some(ms),
        _ => Some(quick),
    };
    let serving = ground.truth.serving();
    let mistake = |bundle: &CertificateBundle| Ok(bundle.clone());
    let content = match (ground.host, serving) {
        (Host::Expired, _) => mistake(&POOL.expired),
        (Host::WrongName, _) => mistake(&POOL.wrong_name),
        (Host::OfAStranger, _) => mistake(&POOL.of_a_stranger),
        (Host::Garbage, _) => Err(SourceError::NotACertificate {
            url: Excerpt::of(ground.url.as_str()),
            error: BundleError::NotDer,
        }),
        (_, Some(id)) => {
            let der = ground.truth.certificates[id].der.clone();
            Ok(CertificateBundle::new(der, Vec::new()))
        }
        (_, None) => status(&ground.url, 503),
    };
    Reply { after: after.map(Duration::from_millis), content: (serving, content) }
}

/// The content of a name that Microsoft does not have: nothing, or a planted file.
fn invented(ground: &mut Ground, url: &str) -> Reply<Served> {
    let quick = ground.network.between(5, 60);
    // A certificate costs far more to verify than an absence.
    let is_something = ground.network.chance(10);
    let content = match (ground.host, is_something) {
        (Host::Down, _) => status(url, 503),
        (_, true) => Ok(POOL.of_a_stranger.clone()),
        (_, false) => status(url, 404),
    };
    let after = match ground.host {
        Host::Hanging => None,
        Host::Slow(ms) => Some(ms),
        _ => Some(quick),
    };
    Reply { after: after.map(Duration::from_millis), content: (None, content) }
}

fn status(url: &str, status: u16) -> Result<CertificateBundle, SourceError> {
    let refusal = StatusRefusal::new(url, status);
    Err(SourceError::Status(Box::new(refusal)))
}

impl HttpClient for Fakes {
    /// Ignores the deadline: the receiver has its own.
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        let url = request.uri().to_string();
        Box::pin(async move {
            let _under_way = self.departs(&url, Fetch::Evidence);
            let reply = page(&mut self.ground.lock(), &url, limits);
            let (listing, outcome) = reply.wait().await;
            if let Some(listing) = listing {
                self.ground.lock().list_delivered(&listing, self.generation);
            }
            outcome
        })
    }
}

impl Ground {
    fn list_delivered(&mut self, listing: &Listing, generation: usize) {
        let at = self.clock.moment().ms;
        if self.memory.generation == generation {
            self.memory.list_delivered(&self.truth, listing, at);
            let Listing { part, revoked, .. } = listing;
            self.log(format!(
                "receiver {generation} has the list of part {part:?}, which revokes {revoked:?}"
            ));
        }
    }
}

type Page = (Option<Listing>, Result<Response<Bytes>, HttpClientError>);

fn page(ground: &mut Ground, url: &str, limits: Limits) -> Reply<Page> {
    let is_list = url.ends_with(".crl");
    let reach = match is_list {
        true => ground.lists,
        false => ground.issuers,
    };
    let quick = ground.network.between(5, 60);
    let after = match reach {
        Reach::Well | Reach::Down => Some(quick),
        Reach::Hanging => None,
        Reach::Slow(ms) => Some(ms),
    };
    let (pages, next_update) = ground.pages();
    let content = match (reach, pages.get(url)) {
        (Reach::Down, _) => {
            let deadline = limits.deadline;
            (None, Err(HttpClientError::Timeout { deadline }))
        }
        (_, None) => (None, Ok(response(404, Bytes::new()))),
        (_, Some(bytes)) => {
            let certificates = ground.truth.certificates.iter().enumerate();
            let revoked = certificates.filter(|(_, each)| each.revoked_at.is_some());
            let listing = Listing {
                part: part_of(url),
                revoked: revoked.map(|(id, _)| id).collect(),
                next_update,
            };
            (is_list.then_some(listing), Ok(response(200, bytes.clone())))
        }
    };
    Reply { after: after.map(Duration::from_millis), content }
}

fn response(status: u16, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status.try_into().unwrap();
    response
}
