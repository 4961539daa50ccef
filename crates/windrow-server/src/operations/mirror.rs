//! Types of the API that are made from types of the domain. The domain crates know nothing of the API.
//!
//! `mirror!` declares such a type once. A field has its documentation, its type, and an expression for its value. A field
//! without an expression takes the field of the same name from the domain's value, converted by [`Mirror`].

use std::collections::BTreeMap;

use windrow_record::{ModelId, Offset, Partition, WindowIndex};
use windrow_registry::AliasName;

/// A type of the API that is made from the type `D` of the domain.
pub(crate) trait Mirror<D> {
    fn of(found: &D) -> Self;
}

impl<D, T: Mirror<D>> Mirror<Option<D>> for Option<T> {
    fn of(found: &Option<D>) -> Self {
        found.as_ref().map(T::of)
    }
}

impl<D, T: Mirror<D>> Mirror<Vec<D>> for Vec<T> {
    fn of(found: &Vec<D>) -> Self {
        found.iter().map(T::of).collect()
    }
}

macro_rules! mirrored {
    ($($found:ident: $domain:ty => $kind:ty, $value:expr;)*) => {
        $(impl Mirror<$domain> for $kind {
            fn of($found: &$domain) -> Self {
                $value
            }
        })*
    };
}

mirrored! {
    found: bool => bool, *found;
    found: u32 => u32, *found;
    found: u64 => u64, *found;
    found: f64 => f64, *found;
    found: String => String, found.clone();
    found: BTreeMap<String, String> => BTreeMap<String, String>, found.clone();
    found: WindowIndex => u32, found.get();
    found: Partition => i32, found.0;
    found: Offset => i64, found.0;
    found: AliasName => String, found.to_string();
    found: ModelId => String, found.to_string();
}

/// Declares objects or enumerations that are made from types of the domain:
///
/// ```text
/// mirror! {
///     /// The costs of errors and fits, and the cheapest policy
///     struct PolicyCosts of found: windrow_evaluation::CostUnit {
///         /// The cost of one fit
///         refit: f64,
///         /// The policy with the lowest observed cost
///         cheapest: String = found.cheapest.to_string(),
///     }
/// }
/// ```
///
/// The function `of` of [`Mirror`] makes such a value.
macro_rules! mirror {
    (@value $kind:ty, $found:expr) => { <$kind as Mirror<_>>::of(&$found) };
    (@value $kind:ty, $found:expr, $value:expr) => { $value };
    ($(
        $(#[$($about:tt)*])*
        struct $name:ident of $found:ident: $domain:ty {
            $($(#[$($of_field:tt)*])* $field:ident: $kind:ty $(= $value:expr)?,)*
        }
    )*) => { $(
        $(#[$($about)*])*
        #[derive(Debug, poem_openapi::Object)]
        #[oai(skip_serializing_if_is_none)]
        pub(crate) struct $name {
            $($(#[$($of_field)*])* pub(crate) $field: $kind,)*
        }

        impl Mirror<$domain> for $name {
            fn of($found: &$domain) -> Self {
                Self { $($field: mirror!(@value $kind, $found.$field $(, $value)?),)* }
            }
        }
    )* };
    ($(
        $(#[$($about:tt)*])*
        enum $name:ident of $domain:ty {
            $($(#[$($of_case:tt)*])* $case:ident,)*
        }
    )*) => { $(
        $(#[$($about)*])*
        #[derive(Debug, Clone, Copy, poem_openapi::Enum)]
        #[oai(rename_all = "snake_case")]
        pub(crate) enum $name {
            $($(#[$($of_case)*])* $case,)*
        }

        impl Mirror<$domain> for $name {
            fn of(found: &$domain) -> Self {
                match found {
                    $(<$domain>::$case => Self::$case,)*
                }
            }
        }
    )* };
}

pub(crate) use mirror;
