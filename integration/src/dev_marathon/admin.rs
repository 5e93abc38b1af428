//! The orders of tests, on a port of its own.
//!
//! | request | body | what it does |
//! | --- | --- | --- |
//! | `GET /faults` | | the switches as they are |
//! | `POST /faults` | some fields of [`Orders`] | sets them |
//! | `DELETE /faults` | | all back to normal |
//! | `POST /streams/drop` | | closes every event stream |
//! | `POST /leader` | `{"leader": "host:port"}` | another leader; streams are closed |
//! | `POST /tasks/ID/kill` | | SIGKILL to the task's group, as if it had crashed |

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use rustix::process::Signal;
use serde::Deserialize;
use tokio::net::TcpListener;

use super::faults::{Faults, Orders};
use super::serve::Marathon;

type Shared = State<Arc<Marathon>>;

/// Answers until the program ends.
pub async fn serve(listener: TcpListener, marathon: Arc<Marathon>) {
    let router = Router::new()
        .route("/faults", get(show).post(set).delete(reset))
        .route("/streams/drop", post(drop_streams))
        .route("/leader", post(elect))
        .route("/tasks/{id}/kill", post(kill))
        .with_state(marathon);
    if let Err(err) = axum::serve(listener, router).await {
        tracing::error!(error = %err, "The admin interface ended");
    }
}

async fn show(State(marathon): Shared) -> Json<Faults> {
    Json(marathon.faults().clone())
}

async fn set(State(marathon): Shared, Json(orders): Json<Orders>) -> Json<Faults> {
    let mut faults = marathon.faults();
    faults.set(orders);
    Json(faults.clone())
}

async fn reset(State(marathon): Shared) -> Json<Faults> {
    *marathon.faults() = Faults::default();
    Json(Faults::default())
}

async fn drop_streams(State(marathon): Shared) -> StatusCode {
    marathon.streams.close();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Election {
    leader: String,
}

async fn elect(State(marathon): Shared, Json(election): Json<Election>) -> StatusCode {
    marathon.elect(election.leader);
    StatusCode::NO_CONTENT
}

async fn kill(State(marathon): Shared, Path(task): Path<String>) -> StatusCode {
    let found = marathon.processes.signal(&task, Signal::KILL, true);
    if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
