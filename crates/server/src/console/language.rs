//! Which language a page speaks: 简体中文 unless the reader wants English. The order of what counts:
//! `?lang=` (remembered in a cookie), the cookie, the person's own setting, `Accept-Language`.

use http::{HeaderMap, header};

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// 简体中文.
    Chinese,
    /// English.
    English,
}

impl Language {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Chinese, Self::English];

    /// As it stands in links, cookies and settings.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }

    /// Reads what [`Language::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    /// The attribute `lang` of a page.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// Its name for those who read it.
    pub(crate) const fn own_name(self) -> &'static str {
        match self {
            Self::Chinese => "简体中文",
            Self::English => "English",
        }
    }

    /// The one of two texts that is in this language.
    pub(crate) const fn of<T: Copy>(self, chinese: T, english: T) -> T {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    /// What the browser asks for; Chinese when it does not prefer English.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let asked = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let mut best = (Self::Chinese, 0);
        for part in asked.split(',') {
            let mut pieces = part.split(';').map(str::trim);
            let tag = pieces.next().unwrap_or_default().to_ascii_lowercase();
            let weight = pieces
                .find_map(|piece| piece.strip_prefix("q="))
                .map_or(1000, thousandths);
            let language = match tag.split('-').next() {
                Some("zh") => Self::Chinese,
                Some("en") => Self::English,
                _ => continue,
            };
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }
}

/// The weight of a language, `0` to `1` with at most three decimals, in thousandths.
fn thousandths(text: &str) -> u32 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = part.chars().chain("000".chars()).take(3).collect();
    match (whole.parse::<u32>(), digits.parse::<u32>()) {
        (Ok(0), Ok(part)) => part,
        (Ok(_), Ok(_)) => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accepted(value: &'static str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(value));
        Language::accepted(&headers)
    }

    #[test]
    fn english_is_spoken_only_to_those_who_prefer_it() {
        assert_eq!(Language::accepted(&HeaderMap::new()), Language::Chinese);
        assert_eq!(accepted("en-GB,en;q=0.9"), Language::English);
        assert_eq!(accepted("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese);
        assert_eq!(accepted("en;q=0.8, zh-TW"), Language::Chinese);
        assert_eq!(accepted("fr, de;q=0.7"), Language::Chinese);
        assert_eq!(accepted("fr, en;q=0.7, zh;q=0.25"), Language::English);
        assert_eq!(accepted(";;;,q=,,"), Language::Chinese);
    }
}
