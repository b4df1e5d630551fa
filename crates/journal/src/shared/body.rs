//! The body of a document: a JSON object, kept as the text that stands in the journal, so that its size is the same for
//! every reader.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Octets of a body.
pub const MAX_BODY: usize = 64 << 10;

/// A JSON object.
#[derive(Clone)]
pub struct Body(Arc<RawValue>);

/// Why something is no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is too large.
    #[error("it has {0} bytes, more than {MAX_BODY}")]
    TooLarge(usize),
    /// It is a list, a text, a number, or nested too deeply.
    #[error("it is not a JSON object")]
    NoObject,
    /// It cannot be written as JSON, or is not what was asked for.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl Body {
    /// The body with the JSON form of `value`.
    ///
    /// # Errors
    /// [`BodyError`].
    pub fn new(value: &impl Serialize) -> Result<Body, BodyError> {
        let text = serde_json::to_string(value).map_err(unreadable)?;
        // Whoever owns it will parse it: not so deeply nested that this fails.
        serde_json::from_str::<Value>(&text).map_err(|_| BodyError::NoObject)?;
        let body = Body(RawValue::from_string(text).map_err(unreadable)?.into());
        body.check()?;
        Ok(body)
    }

    /// What it says.
    ///
    /// # Errors
    /// [`BodyError::Unreadable`]: it says something else.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, BodyError> {
        serde_json::from_str(self.text()).map_err(unreadable)
    }

    /// Its JSON text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Whether it is one: what stands in an event may be anything in JSON.
    pub(super) fn check(&self) -> Result<(), BodyError> {
        let text = self.text();
        if text.len() > MAX_BODY {
            return Err(BodyError::TooLarge(text.len()));
        }
        if text.starts_with('{') { Ok(()) } else { Err(BodyError::NoObject) }
    }
}

fn unreadable(error: serde_json::Error) -> BodyError {
    BodyError::Unreadable(error.to_string())
}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Body {}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
        Ok(Body(Box::<RawValue>::deserialize(deserializer)?.into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_an_object_of_bounded_size_and_depth() {
        let body = Body::new(&json!({"url": "https://lists.example/"})).expect("a body");
        assert_eq!(body.text(), r#"{"url":"https://lists.example/"}"#);
        assert_eq!(body.read::<Value>(), Ok(json!({"url": "https://lists.example/"})));
        assert!(matches!(body.read::<Vec<u8>>(), Err(BodyError::Unreadable(_))));
        assert_eq!(Body::new(&json!([1])), Err(BodyError::NoObject));
        let long = |octets: usize| Body::new(&json!({"a": "x".repeat(octets - 8)}));
        assert_eq!(long(MAX_BODY).map(|body| body.text().len()), Ok(MAX_BODY));
        assert_eq!(long(MAX_BODY + 1), Err(BodyError::TooLarge(MAX_BODY + 1)));
        let deep = (0..200).fold(json!({}), |inner, _| json!({"a": inner}));
        assert_eq!(Body::new(&deep), Err(BodyError::NoObject));
    }
}
