//! What the adapters answer of requests with secrets in their headers and in their query: it is logged besides.

use std::convert::Infallible;
use std::sync::Arc;

use ::axum::Router;
use ::axum::body::Body;
use ::axum::extract::FromRef;
use ::axum::routing::{any, post};
use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpResponse, web};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use partner_center_webhooks::duplicates::{DuplicateGuard, InMemory};
use partner_center_webhooks::event_grid::receive::{self as grid, WebhookReceiver};
use partner_center_webhooks::testing::SignedRequest;
use partner_center_webhooks::tower::VerifyLayer;
use partner_center_webhooks::{Received, Receiver, actix_web as ours_actix, axum as ours_axum};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::receivers::{self, Delivered, at_hand, deliveries, genuine, spoiled, strangers};
use super::{SAS_SIGNATURE, URL_KEY, fetching_from};

/// What the adapters show of requests that are refused, where the peer at `base` has the certificates.
pub(super) async fn refusing(base: &str) -> Vec<String> {
    let mut shown = Vec::new();
    for (receiver, signer) in [fetching_from(base), at_hand()] {
        shown.extend(all(&receiver, &spoiled(&signer)).await);
    }
    shown.extend(all_of_event_grid(&receivers::grid(), &strangers()).await);
    shown
}

/// What they show of requests that are accepted; the second time, of duplicates.
pub(super) async fn accepting() -> Vec<String> {
    let (receiver, signer) = at_hand();
    let callback = genuine(&signer, "test-created");
    let mut shown = all(&receiver, &[callback.clone(), callback]).await;
    shown.extend(all_of_event_grid(&receivers::grid(), &deliveries()).await);
    for response in &shown {
        assert!(response.starts_with("200"), "{response}");
    }
    shown
}

/// The responses of every adapter.
async fn all(receiver: &Receiver, callbacks: &[SignedRequest]) -> Vec<String> {
    let mut shown = by_axum(receiver, callbacks).await;
    shown.extend(by_tower(receiver, callbacks).await);
    shown.extend(by_actix(receiver, callbacks).await);
    shown
}

#[derive(Clone, FromRef)]
struct State {
    receiver: Receiver,
    guard: Arc<dyn DuplicateGuard>,
}

const PATH: &str = "/webhooks/callback";

fn uri() -> String {
    format!("{PATH}?code={URL_KEY}&sig={SAS_SIGNATURE}")
}

fn request<B: From<Bytes>>(callback: &SignedRequest) -> Request<B> {
    let mut request = Request::new(callback.body.clone().into());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri().parse().unwrap();
    request.headers_mut().clone_from(&callback.headers);
    request
}

async fn shown<B: http_body::Body<Error: std::fmt::Debug>>(response: Response<B>) -> String {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.ok().unwrap().to_bytes();
    format!("{} {:?} {body:?}", parts.status, parts.headers)
}

async fn by_axum(receiver: &Receiver, callbacks: &[SignedRequest]) -> Vec<String> {
    let claimed =
        |ours_axum::Claimed(ours_axum::Callback(received), attempt): ours_axum::Claimed<
            ours_axum::Callback,
        >| async move {
            let shown = format!("{received:?} {attempt:?}");
            attempt.complete().await.unwrap();
            shown
        };
    let layered = |::axum::Extension(received): ::axum::Extension<Received<Bytes>>| async move {
        format!("{received:?}")
    };
    let guard: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new());
    let layer = VerifyLayer::new(receiver.clone()).with_duplicates(Arc::new(InMemory::new()));
    let mut all = vec![format!("{layer:?}")];
    let routes = [post(claimed), post(layered).layer(layer)];
    for route in routes {
        let state = State { receiver: receiver.clone(), guard: Arc::clone(&guard) };
        let router = Router::new().route(PATH, route).with_state(state);
        for callback in callbacks {
            let response = router.clone().oneshot(request::<Body>(callback)).await;
            all.push(shown(response.unwrap()).await);
        }
    }
    all.remove(0);
    all
}

async fn by_tower(receiver: &Receiver, callbacks: &[SignedRequest]) -> Vec<String> {
    let layer = VerifyLayer::new(receiver.clone()).with_duplicates(Arc::new(InMemory::new()));
    let service = layer.layer(service_fn(|request: Request<Full<Bytes>>| async move {
        let received: &Received<Bytes> = request.extensions().get().unwrap();
        let body = format!("{received:?}");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(body)))
    }));
    let mut all = Vec::new();
    for callback in callbacks {
        let response = service.clone().oneshot(request::<Full<Bytes>>(callback)).await;
        all.push(shown(response.unwrap()).await);
    }
    all
}

async fn by_actix(receiver: &Receiver, callbacks: &[SignedRequest]) -> Vec<String> {
    let claimed =
        |ours_actix::Claimed(ours_actix::Callback(received), attempt): ours_actix::Claimed<
            ours_actix::Callback,
        >| async move {
            let shown = format!("{received:?} {attempt:?}");
            attempt.complete().await.unwrap();
            HttpResponse::Ok().body(shown)
        };
    let behind = |received: web::ReqData<Received<Bytes>>| async move {
        HttpResponse::Ok().body(format!("{received:?}"))
    };
    let layer = ours_actix::VerifyCallbacks::new(receiver.clone());
    let layer = layer.with_duplicates(Arc::new(InMemory::new()));
    let guard: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new());
    let app = App::new()
        .app_data(web::Data::new(receiver.clone()))
        .app_data(web::Data::from(guard))
        .route(PATH, web::post().to(claimed))
        .route("/behind", web::post().to(behind).wrap(layer));
    let app = init_service(app).await;
    let mut all = Vec::new();
    for path in [PATH, "/behind"] {
        for callback in callbacks {
            let request = TestRequest::post()
                .uri(&uri().replace(PATH, path))
                .set_payload(callback.body.clone());
            let request = callback.headers.iter().fold(request, |request, (name, value)| {
                request.append_header((name.as_str(), value.as_bytes()))
            });
            all.push(shown_by_actix(call_service(&app, request.to_request()).await).await);
        }
    }
    all
}

async fn shown_by_actix<B: MessageBody>(response: ServiceResponse<B>) -> String {
    let (status, headers) = (response.status(), format!("{:?}", response.headers()));
    format!("{status} {headers} {:?}", read_body(response).await)
}

/// The responses of both adapters for deliveries.
async fn all_of_event_grid(receiver: &WebhookReceiver, delivered: &[Delivered]) -> Vec<String> {
    let router = Router::new()
        .route(
            PATH,
            any(|grid::axum::Delivery(notification): grid::axum::Delivery| async move {
                format!("{notification:?}")
            }),
        )
        .with_state(receiver.clone());
    let app = App::new().app_data(web::Data::new(receiver.clone())).route(
        PATH,
        web::route().to(
            |grid::actix_web::Delivery(notification): grid::actix_web::Delivery| async move {
                HttpResponse::Ok().body(format!("{notification:?}"))
            },
        ),
    );
    let app = init_service(app).await;
    let mut all = Vec::new();
    for (method, query, headers, body) in delivered {
        let uri = format!("{PATH}?{query}");
        let mut request = Request::new(Body::from(body.clone()));
        request.method_mut().clone_from(method);
        *request.uri_mut() = uri.parse().unwrap();
        request.headers_mut().clone_from(headers);
        all.push(shown(router.clone().oneshot(request).await.unwrap()).await);
        let request = TestRequest::with_uri(&uri)
            .method(method.as_str().parse().unwrap())
            .set_payload(body.clone());
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.append_header((name.as_str(), value.as_bytes()))
        });
        all.push(shown_by_actix(call_service(&app, request.to_request()).await).await);
    }
    all
}
