//! Strict reading of v3's JSON: every member is known, of the right type and size, `null` is
//! refused, and an error names the member by JSON Pointer as WeChat's `detail` does.

use serde_json::{Map, Value, json};

/// A field that breaks a rule.
#[derive(Debug, Clone)]
pub(crate) struct FieldError {
    field: String,
    value: Option<String>,
    issue: String,
    location: &'static str,
    /// Number behind the last `-` of `Request-ID`.
    pub(crate) number: u32,
}

impl FieldError {
    /// A member of the body.
    pub(crate) fn body(pointer: &str, value: Option<&Value>, issue: impl Into<String>) -> Self {
        Self {
            field: pointer.to_owned(),
            value: value.map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }),
            issue: issue.into(),
            location: "body",
            number: 268_435_461,
        }
    }

    /// A parameter of the query.
    pub(crate) fn query(name: &str, issue: &str) -> Self {
        Self {
            location: "query",
            ..Self::body(name, None, issue)
        }
    }

    /// A member or parameter that must be there.
    pub(crate) fn missing(name: &str, number: u32) -> Self {
        Self {
            number,
            ..Self::body(&format!("/{name}"), None, "缺少必填参数")
        }
    }

    /// A member that must not be there.
    pub(crate) fn forbidden(name: &str, number: u32) -> Self {
        Self {
            number,
            ..Self::body(&format!("/{name}"), None, "不允许传入该参数")
        }
    }

    /// `detail` of the error answer.
    pub(crate) fn detail(&self) -> Value {
        let mut detail = json!({
            "field": self.field,
            "issue": self.issue,
            "location": self.location,
        });
        if let (Some(value), Some(object)) = (&self.value, detail.as_object_mut()) {
            object.insert("value".to_owned(), value.as_str().into());
        }
        detail
    }
}

/// A JSON object being read; `finish` refuses what nobody asked for.
pub(crate) struct Reader<'a> {
    object: &'a Map<String, Value>,
    pointer: String,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// The body itself.
    ///
    /// # Errors
    /// The body is not a JSON object.
    pub(crate) fn root(object: Option<&'a Map<String, Value>>) -> Result<Self, FieldError> {
        let object =
            object.ok_or_else(|| FieldError::body("", None, "请求体不是合法的JSON对象"))?;
        Ok(Self::new(object, String::new()))
    }

    fn new(object: &'a Map<String, Value>, pointer: String) -> Self {
        Self {
            object,
            pointer,
            known: Vec::new(),
        }
    }

    fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    fn take(&mut self, name: &'static str) -> Result<Option<&'a Value>, FieldError> {
        self.known.push(name);
        match self.object.get(name) {
            Some(Value::Null) => Err(self.error(name, "不允许传入null")),
            value => Ok(value),
        }
    }

    /// An error about one of the members.
    pub(crate) fn error(&self, name: &str, issue: impl Into<String>) -> FieldError {
        FieldError::body(&self.pointer(name), self.object.get(name), issue)
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, FieldError> {
        value.ok_or_else(|| self.error(name, "缺少必填参数"))
    }

    /// A text of 1 to `bytes_max` bytes.
    pub(crate) fn text(
        &mut self,
        name: &'static str,
        bytes_max: usize,
    ) -> Result<Option<String>, FieldError> {
        let Some(value) = self.take(name)? else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .ok_or_else(|| self.error(name, "类型应为string"))?;
        if text.is_empty() || text.len() > bytes_max {
            let issue = format!("字节数应为1到{bytes_max}");
            return Err(self.error(name, issue));
        }
        if text.chars().any(|c| c.len_utf8() > 3) {
            return Err(self.error(name, "包含不支持的字符"));
        }
        Ok(Some(text.to_owned()))
    }

    /// A text that must be there.
    pub(crate) fn need_text(
        &mut self,
        name: &'static str,
        bytes_max: usize,
    ) -> Result<String, FieldError> {
        let text = self.text(name, bytes_max)?;
        self.required(name, text)
    }

    /// A positive integer that must be there.
    pub(crate) fn need_fen(&mut self, name: &'static str) -> Result<i64, FieldError> {
        let value = self.take(name)?;
        let value = self.required(name, value)?;
        let number = value
            .as_i64()
            .ok_or_else(|| self.error(name, "类型应为integer"))?;
        if !(1..=1_000_000_000_000).contains(&number) {
            return Err(self.error(name, "取值超出范围"));
        }
        Ok(number)
    }

    /// An object.
    pub(crate) fn object(&mut self, name: &'static str) -> Result<Option<Reader<'a>>, FieldError> {
        match self.take(name)? {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(Reader::new(object, self.pointer(name)))),
            Some(_) => Err(self.error(name, "类型应为object")),
        }
    }

    /// An object that must be there.
    pub(crate) fn need_object(&mut self, name: &'static str) -> Result<Reader<'a>, FieldError> {
        let object = self.object(name)?;
        self.required(name, object)
    }

    /// An array of objects; empty when absent.
    pub(crate) fn objects(&mut self, name: &'static str) -> Result<Vec<Reader<'a>>, FieldError> {
        let rows = match self.take(name)? {
            None => return Ok(Vec::new()),
            Some(Value::Array(rows)) if !rows.is_empty() => rows,
            Some(_) => return Err(self.error(name, "类型应为非空array")),
        };
        rows.iter()
            .enumerate()
            .map(|(n, row)| {
                let pointer = format!("{}/{name}/{n}", self.pointer);
                row.as_object()
                    .map(|object| Reader::new(object, pointer.clone()))
                    .ok_or_else(|| FieldError::body(&pointer, Some(row), "类型应为object"))
            })
            .collect()
    }

    /// Members that are allowed and not looked at.
    pub(crate) fn ignore(&mut self, names: &[&'static str]) -> Result<(), FieldError> {
        for name in names {
            self.take(name)?;
        }
        Ok(())
    }

    /// Refuses members that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), FieldError> {
        let unknown = self
            .object
            .iter()
            .find(|(name, _)| !self.known.contains(&name.as_str()));
        match unknown {
            Some((name, value)) => Err(FieldError {
                number: 270_924_358,
                ..FieldError::body(&self.pointer(name), Some(value), "不支持的参数")
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_member() {
        let value = json!({"amount": {"refund": "1", "total": 5, "x": 1}, "n": null});
        let mut root = Reader::root(value.as_object()).unwrap();
        let mut amount = root.need_object("amount").unwrap();
        let error = amount.need_fen("refund").unwrap_err();
        assert_eq!(error.detail()["field"], "/amount/refund");
        assert_eq!(amount.need_fen("total").unwrap(), 5);
        let unknown = amount.finish().unwrap_err();
        assert_eq!(unknown.detail()["field"], "/amount/x");
        assert!(root.text("n", 5).is_err());
        assert!(Reader::root(None).is_err());
    }
}
