//! Open models of resources: every field is optional, null is tolerated, and members without a field are kept.

use serde::{Deserialize, Deserializer, Serializer};
use serde_json::{Map, Number, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::json::date::date;

/// Defines models: documentation, then one line a field.
///
/// A member that is missing, null or of an undocumented JSON type reads as `None`, and `None` is not written. Members
/// without a field are read into `others`, and written back. `Debug` shows their names alone: any of them may be a secret.
macro_rules! models {
    ($($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty,)+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Default, PartialEq, serde::Deserialize, serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        #[non_exhaustive]
        pub struct $name {
            $(
                $(#[doc = $field_doc])+
                #[serde(
                    default,
                    deserialize_with = "crate::api::model::read",
                    serialize_with = "crate::api::model::write",
                    skip_serializing_if = "Option::is_none"
                )]
                pub $field: Option<$type>,
            )+
            /// The members without a field.
            #[serde(flatten)]
            pub others: serde_json::Map<String, serde_json::Value>,
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &self.$field))+
                    .field("others", &self.others.keys())
                    .finish()
            }
        }

        impl crate::api::model::Lenient for $name {
            fn read(value: serde_json::Value) -> Option<Self> {
                serde_json::from_value(value).ok()
            }

            fn write(&self) -> serde_json::Value {
                serde_json::to_value(self).unwrap_or_default()
            }
        }
    )+};
}

pub(crate) use models;

/// A value that tolerates any JSON type when it is read, and can be written.
///
/// The services document their models loosely: numbers come as text, booleans as `True`, and lists as null. A field that cannot be
/// read must not hide the others.
pub(crate) trait Lenient: Sized {
    /// `None` for null and for a type that does not fit.
    fn read(value: Value) -> Option<Self>;

    /// The documented type.
    fn write(&self) -> Value;
}

impl Lenient for String {
    fn read(value: Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}

impl Lenient for bool {
    fn read(value: Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(flag),
            Value::String(text) => text.to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Lenient for Number {
    fn read(value: Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(number),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn write(&self) -> Value {
        Value::Number(self.clone())
    }
}

impl Lenient for OffsetDateTime {
    fn read(value: Value) -> Option<Self> {
        date(value.as_str()?)
    }

    fn write(&self) -> Value {
        // Every date was read from RFC 3339, so it can be written.
        self.format(&Rfc3339).map_or(Value::Null, Value::String)
    }
}

impl Lenient for Value {
    fn read(value: Value) -> Option<Self> {
        Some(value).filter(|value| !value.is_null())
    }

    fn write(&self) -> Value {
        self.clone()
    }
}

impl Lenient for Map<String, Value> {
    fn read(value: Value) -> Option<Self> {
        match value {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    fn write(&self) -> Value {
        Value::Object(self.clone())
    }
}

impl<T: Lenient> Lenient for Vec<T> {
    fn read(value: Value) -> Option<Self> {
        match value {
            Value::Array(values) => Some(values.into_iter().filter_map(T::read).collect()),
            _ => None,
        }
    }

    fn write(&self) -> Value {
        self.iter().map(T::write).collect()
    }
}

/// For `deserialize_with`.
///
/// Never fails: a value that does not fit is `None`.
pub(crate) fn read<'de, T: Lenient, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Value::deserialize(deserializer).map(T::read)
}

/// For `serialize_with`.
///
/// `None` is skipped before this is called.
pub(crate) fn write<T: Lenient, S: Serializer>(
    field: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&field.as_ref().map(T::write), serializer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(unreachable_pub, reason = "models are public everywhere else")]
    mod fixture {
        use super::*;

        models! {
            /// A model.
            Model {
                /// Text.
                text: String,
                /// A time.
                some_time: OffsetDateTime,
                /// Flags.
                flags: Vec<bool>,
                /// Another model.
                inner: Inner,
            }

            /// The inner model.
            Inner {
                /// A number.
                count: Number,
                /// Any JSON.
                r#type: Value,
            }
        }
    }
    use fixture::{Inner, Model};

    #[test]
    fn members_are_written_as_they_were_read_except_for_nulls() {
        let json = json!({
            "text": "a",
            "someTime": "2026-11-21T01:02:03.1234567Z",
            "flags": [true],
            "inner": {"count": 7, "type": {"a": null}, "brandNew": [1]},
            "more": null,
        });
        let model: Model = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&model).unwrap(), json);

        let nulls = json!({"text": null, "someTime": "soon", "flags": {}, "inner": {"count": []}});
        let model: Model = serde_json::from_value(nulls).unwrap();
        assert_eq!(model.inner, Some(Inner::default()));
        assert_eq!(serde_json::to_value(&model).unwrap(), json!({"inner": {}}));
    }
}
