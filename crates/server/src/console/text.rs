//! The words of the console: for each page a struct of texts with two constants, Chinese and
//! English. A text that is missing in one of them does not compile.

pub(crate) mod account;
pub(crate) mod advice;
pub(crate) mod approvals;
pub(crate) mod attention;
pub(crate) mod audit;
pub(crate) mod batches;
pub(crate) mod elsewhere;
pub(crate) mod fault;
pub(crate) mod frame;
pub(crate) mod login;
pub(crate) mod merchants;
pub(crate) mod new_refund;
pub(crate) mod notice;
pub(crate) mod notifications;
pub(crate) mod overview;
pub(crate) mod reconciliation;
pub(crate) mod refund;
pub(crate) mod refunds;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod story;
pub(crate) mod users;
pub(crate) mod webhooks;

/// Puts values into a text: `{name}` is replaced.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let known = after.split_once('}').and_then(|(name, behind)| {
            let value = values.iter().find(|(known, _)| *known == name)?;
            Some((value.1, behind))
        });
        match known {
            Some((value, behind)) => {
                filled.push_str(value);
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_put_in_once_and_never_read_again() {
        assert_eq!(fill("共 {n} 笔", &[("n", "7")]), "共 7 笔");
        let hostile = [("a", "{b}"), ("b", "no")];
        assert_eq!(fill("{a} {b} {c", &hostile), "{b} no {c");
    }
}
