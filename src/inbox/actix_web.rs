//! The extractor for actix-web: it stores the callback before the handler runs.
//!
//! # Example
//!
//! ```
//! use actix_web::{HttpResponse, web};
//! use partner_center_webhooks::inbox::InboxEndpoint;
//! use partner_center_webhooks::inbox::actix_web::StoredCallback;
//!
//! /// It runs after the commit, so 200 is true.
//! async fn callback(StoredCallback(accepted): StoredCallback) -> HttpResponse {
//!     println!("{:?} {}", accepted.stored, accepted.callback.digest());
//!     HttpResponse::Ok().finish()
//! }
//!
//! fn configure(service: &mut web::ServiceConfig, endpoint: InboxEndpoint) {
//!     service
//!         .app_data(web::Data::new(endpoint))
//!         .route("/webhooks/callback", web::post().to(callback));
//! }
//! ```

use ::actix_web::dev::Payload;
use ::actix_web::http::header::RETRY_AFTER;
use ::actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};

use super::endpoint::{Accepted, EndpointError, InboxEndpoint};
use crate::actix_web::extract::{LocalBoxFuture, data};
use crate::actix_web::of_actix;

/// Extracts a callback that is durable. The application's data must contain `web::Data<InboxEndpoint>`; without it the response is
/// 500.
///
/// What cannot be stored gets a response without a call of the handler: 503 with `Retry-After` if the inbox failed. There is no
/// deadline for the body: put a timeout around the route. A client that disconnects does not stop the store.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers take it apart in their arguments")]
pub struct StoredCallback(pub Accepted);

impl FromRequest for StoredCallback {
    type Error = ::actix_web::Error;
    type Future = LocalBoxFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let endpoint = data::<InboxEndpoint>(&request)?;
            let endpoint = InboxEndpoint::clone(&endpoint).with_peer(request.peer_addr());
            let accepted = endpoint.accept(request.headers(), payload).await;
            Ok(Self(accepted?))
        })
    }
}

impl ResponseError for EndpointError {
    fn status_code(&self) -> ::actix_web::http::StatusCode {
        of_actix(Self::status(self))
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(wait) = self.retry_after() {
            response.insert_header((RETRY_AFTER, wait.as_secs()));
        }
        response.finish()
    }
}
