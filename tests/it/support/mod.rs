//! One issuer for all tests, and a certificate source that does as it is told.

pub(crate) mod fronts;
pub(crate) mod pki;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use partner_center_webhooks::Receiver;
use partner_center_webhooks::chain::ChainVerifier;
use partner_center_webhooks::crypto::{AwsLcRs, Backend};
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signers::{SignerError, SignerSet, Signers};
use partner_center_webhooks::source::{
    CertificateBundle, CertificateLocation, CertificateSource, CertificateUrl, SourceError,
    StatusRefusal,
};
use partner_center_webhooks::testing::{Issuer, SignedRequest, Signer};
use rustls_pki_types::UnixTime;
use tokio::sync::Semaphore;

pub(crate) const DISPATCH_URL: &str =
    "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer";

pub(crate) const EVENT: &str = r#"{"EventName":"test-created","ResourceUri":"http://api.partnercenter.microsoft.com/webhooks/v1/registration/validationEvents/c0bfd694-3075-4ec5-9a3c-733d3a890a1f","ResourceName":"test","AuditUri":null,"ResourceChangeUtcDate":"2017-11-16T16:19:06.3520276+00:00"}"#;

/// The issuer of all tests that need no other. Its time is 2026-11-21T00:00:00Z.
pub(crate) static ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::at(NOW).unwrap());

/// 2026-11-21T00:00:00Z
pub(crate) const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_795_219_200));

pub(crate) fn later(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(NOW.as_secs() + seconds))
}

pub(crate) fn chain_of(backend: impl Backend + 'static, issuer: &Issuer) -> ChainVerifier {
    ChainVerifier::new(backend, issuer.anchors().unwrap())
        .with_intermediates(issuer.intermediates())
}

pub(crate) fn chain() -> ChainVerifier {
    chain_of(AwsLcRs::new(), &ISSUER)
}

pub(crate) fn bundle(signer: &Signer) -> CertificateBundle {
    CertificateBundle::new(signer.certificate().clone(), Vec::new())
}

/// A receiver that trusts [`ISSUER`], at [`NOW`].
pub(crate) fn receiver() -> Receiver {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let builder = ReceiverBuilder::new(chain(), source).clock(|| NOW);
    builder.build().unwrap()
}

/// A genuine callback of an event of this name.
pub(crate) fn event(name: &str) -> SignedRequest {
    let body = format!(r#"{{"EventName":"{name}"}}"#);
    ISSUER.signer().unwrap().callback(body).unwrap()
}

pub(crate) fn request(callback: &SignedRequest) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(callback.body.clone()));
    request.headers_mut().clone_from(&callback.headers);
    request
}

/// A certificate source that counts, answers what it was told in order (the last answer again and again), and may be
/// held back.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    fetches: Arc<AtomicUsize>,
    answers: Arc<Mutex<VecDeque<Result<CertificateBundle, SourceError>>>>,
    gate: Arc<Semaphore>,
}

impl Scripted {
    pub(crate) fn new(
        answers: impl IntoIterator<Item = Result<CertificateBundle, SourceError>>,
    ) -> Self {
        Self {
            fetches: Arc::default(),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    pub(crate) fn serving(signer: &Signer) -> Self {
        Self::new([Ok(bundle(signer))])
    }

    /// The same, answering nothing until [`open`](Self::open).
    pub(crate) fn held_back(mut self) -> Self {
        self.gate = Arc::new(Semaphore::new(0));
        self
    }

    pub(crate) fn open(&self) {
        self.gate.add_permits(1_000_000);
    }

    /// From now on nothing is answered, until it is opened again.
    pub(crate) fn hold(&self) {
        self.gate.forget_permits(usize::MAX);
    }

    /// From now on answers this.
    pub(crate) fn now_answers(&self, answer: Result<CertificateBundle, SourceError>) {
        *self.answers.lock().unwrap() = [answer].into();
    }

    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl CertificateSource for Scripted {
    fn fetch<'a>(
        &'a self,
        _: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
        Box::pin(async move {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.unwrap().forget();
            let mut answers = self.answers.lock().unwrap();
            match answers.len() {
                1 => answers[0].clone(),
                _ => answers.pop_front().expect("an answer"),
            }
        })
    }
}

/// What a certificate host that is down looks like.
pub(crate) fn outage() -> Result<CertificateBundle, SourceError> {
    Err(SourceError::Status(Box::new(StatusRefusal::new(DISPATCH_URL, 500))))
}

/// The signers of the documented URL once what runs in the background has come to its end.
pub(crate) async fn find_settled(
    signers: &Signers,
    now: UnixTime,
) -> Result<SignerSet, SignerError> {
    let url = CertificateLocation::default().check(DISPATCH_URL).unwrap();
    let first = signers.find(&url, now).await.map_err(|unavailable| *unavailable.error)?;
    background().await;
    match signers.find(&url, now).await {
        Ok(set) => Ok(set),
        Err(unavailable) => {
            drop(first);
            Err(*unavailable.error)
        }
    }
}

/// Lets background tasks run that wait for nothing but each other.
pub(crate) async fn background() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// An HTTP client without a network: a page for each URL, and a count of the requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Web {
    pages: Arc<Mutex<HashMap<String, (u16, Bytes)>>>,
    requests: Arc<Mutex<Vec<String>>>,
    down: Arc<AtomicBool>,
}

impl Web {
    /// Serves whatever `issuer` publishes under `base_url`.
    pub(crate) fn publishing(self, issuer: &Issuer, base_url: &str) -> Self {
        for (path, bytes) in issuer.publications().unwrap() {
            self.page(&format!("{base_url}{path}"), 200, bytes);
        }
        self
    }

    pub(crate) fn page(&self, url: &str, status: u16, body: impl Into<Bytes>) {
        let mut pages = self.pages.lock().unwrap();
        pages.insert(url.to_owned(), (status, body.into()));
    }

    pub(crate) fn go_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// The URLs that were asked for since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

impl HttpClient for Web {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        let url = request.uri().to_string();
        self.requests.lock().unwrap().push(url.clone());
        let page = self.pages.lock().unwrap().get(&url).cloned();
        let down = self.down.load(Ordering::SeqCst);
        Box::pin(async move {
            tokio::task::yield_now().await;
            if down {
                return Err(HttpClientError::Timeout { deadline: limits.deadline });
            }
            let (status, body) = page.unwrap_or((404, Bytes::new()));
            if body.len() > limits.max_body {
                return Err(HttpClientError::BodyTooLong { limit: limits.max_body });
            }
            let mut response = Response::new(body);
            *response.status_mut() = status.try_into().unwrap();
            Ok(response)
        })
    }
}
