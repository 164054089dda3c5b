//! How a command is declared: `commands!` makes of one line the command's module, its types, its dispatch and its place in
//! the TypeScript.

use std::future::Future;

use commonplace_node::Engine;
use serde::{Serialize, de::DeserializeOwned};
use ts_rs::TS;

use crate::ApiError;

/// A command: its arguments, which know their name, their reply and how to be carried out.
pub trait Command: Serialize + DeserializeOwned + TS + Send + 'static {
    /// Its name in every host.
    const NAME: &'static str;
    /// What it does, in a sentence.
    const ABOUT: &'static str;
    /// What it answers.
    type Reply: Serialize + DeserializeOwned + TS + Send + 'static;

    /// Carries it out.
    ///
    /// # Errors
    /// When the engine refuses, with its reason.
    fn run(self, engine: &Engine) -> impl Future<Output = Result<Self::Reply, ApiError>> + Send;
}

/// Somebody who goes through all commands, by type.
pub(crate) trait Visitor {
    /// One command after the other, in the order in which they are declared.
    fn visit<C: Command>(&mut self);
}

/// Declares commands: `/// What it does.` `name => Reply { argument: Type, … }`.
macro_rules! commands {
    ($($(#[doc = $about:literal])+ $name:ident => $reply:ty { $($argument:ident : $type:ty),* $(,)? })+) => {
        $(
            $(#[doc = $about])+
            pub mod $name {
                #[expect(clippy::allow_attributes, reason = "whether a command needs a view depends on its arguments")]
                #[allow(unused_imports, reason = "a command without views among its arguments needs none")]
                use super::*;

                /// Its arguments.
                #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, ts_rs::TS)]
                #[serde(rename_all = "camelCase", deny_unknown_fields)]
                #[ts(optional_fields = nullable)]
                pub struct Args {
                    $(
                        #[doc = concat!("The command's `", stringify!($argument), "`.")]
                        pub $argument: $type,
                    )*
                }

                impl crate::Command for Args {
                    const NAME: &'static str = stringify!($name);
                    const ABOUT: &'static str = concat!($($about),+);
                    type Reply = $reply;

                    async fn run(self, engine: &commonplace_node::Engine) -> Result<$reply, crate::ApiError> {
                        let Self { $($argument),* } = self;
                        Ok(crate::surface::Surface(engine).$name($($argument),*).await?)
                    }
                }
            }
        )+

        /// Names of all commands, each with what it does.
        pub fn names() -> &'static [(&'static str, &'static str)] {
            &[$((stringify!($name), concat!($($about),+))),+]
        }

        /// Goes through all commands.
        pub(crate) fn visit_all(visitor: &mut impl crate::declare::Visitor) {
            $(visitor.visit::<$name::Args>();)+
        }

        /// Carries out a command by its name.
        ///
        /// # Errors
        /// When there is no such command, its arguments are not what it takes, or the engine refuses.
        pub async fn dispatch(
            engine: &commonplace_node::Engine,
            name: &str,
            args: serde_json::Value,
        ) -> Result<serde_json::Value, crate::ApiError> {
            match name {
                $(stringify!($name) => crate::declare::carry_out::<$name::Args>(engine, args).await,)+
                _ => Err(crate::declare::unknown(name)),
            }
        }
    };
}

/// Carries out a command whose arguments and reply are JSON.
pub(crate) async fn carry_out<C: Command>(
    engine: &Engine,
    args: serde_json::Value,
) -> Result<serde_json::Value, ApiError> {
    // A command without arguments may be called without any.
    let args = if args.is_null() { serde_json::Value::Object(serde_json::Map::new()) } else { args };
    let args: C = serde_json::from_value(args)
        .map_err(|e| ApiError::bad(format!("“{}” does not take these arguments: {e}. Nothing was done.", C::NAME)))?;
    let reply = args.run(engine).await?;
    serde_json::to_value(reply).map_err(ApiError::internal)
}

pub(crate) fn unknown(name: &str) -> ApiError {
    let shown: String = name.chars().take(60).collect();
    ApiError::bad(format!("There is no command “{shown}” in this version of Commonplace. Nothing was done."))
}
