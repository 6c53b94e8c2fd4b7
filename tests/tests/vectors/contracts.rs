//! The contracts of the vectors, and the two sides that `vectors/README.md` describes.

use std::future::pending;

use serde::{Deserialize, Serialize};
use ws_core::ws_service;

#[ws_service]
pub trait Calculator {
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, DivideError>;
    async fn confirmed(&self, question: String) -> bool;
    async fn wait(&self);
    async fn fail(&self);
    async fn repeat(&self, text: String, times: u32) -> String;
    #[ws(event)]
    async fn memo(&self, note: String);
}

#[ws_service]
pub trait Progress {
    async fn confirm(&self, question: String) -> bool;
    #[ws(event)]
    async fn step(&self, done: u32);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Login {
    pub token: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DivideError {
    ByZero,
    Inexact { remainder: i64 },
}

/// The server.
pub struct Calc {
    pub client: ProgressRemote,
}

impl Calculator for Calc {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, DivideError> {
        match dividend.checked_rem(divisor) {
            None => Err(DivideError::ByZero),
            Some(0) => Ok(dividend / divisor),
            Some(remainder) => Err(DivideError::Inexact { remainder }),
        }
    }

    async fn confirmed(&self, question: String) -> bool {
        self.client.confirm(question).await.unwrap_or(false)
    }

    async fn wait(&self) {
        pending().await
    }

    async fn fail(&self) {
        panic!("as the vector asks")
    }

    async fn repeat(&self, text: String, times: u32) -> String {
        text.repeat(times as usize)
    }

    async fn memo(&self, _note: String) {}
}

/// The client.
pub struct Ui;

impl Progress for Ui {
    async fn confirm(&self, question: String) -> bool {
        question.ends_with('?')
    }

    async fn step(&self, _done: u32) {}
}
