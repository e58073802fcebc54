//! A response that clients keep: they ask whether it is still current, and get 304 if it is (RFC 9110, section 13).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::SystemTime;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use httpdate::parse_http_date;
use hyper::body::Bytes;

/// Content with its headers, rendered once.
#[derive(Clone, Debug)]
pub struct Document {
    content: Bytes,
    etag: HeaderValue,
    modified_at: Option<SystemTime>,
    /// The headers of a 200, and of a 304.
    headers: HeaderMap,
    not_modified_headers: HeaderMap,
}

impl Document {
    /// A file with this content and media type. Files with the same content have the same `ETag` in every process.
    pub fn new(content_type: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let Ok(etag) = format!("\"{:016x}\"", hasher.finish()).try_into() else { unreachable!("hexadecimal digits") };
        Self::with_headers(content_type, content, etag, None, HeaderMap::new())
    }

    /// Content with additional `headers`, which was modified at `modified_at`, a whole second.
    pub(crate) fn with_headers(
        content_type: &'static str,
        content: Bytes,
        etag: HeaderValue,
        modified_at: Option<SystemTime>,
        mut headers: HeaderMap,
    ) -> Self {
        headers.insert(ETAG, etag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let not_modified_headers = headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { content, etag, modified_at, headers, not_modified_headers }
    }

    /// The response to a GET or HEAD with the headers `request`: 200, or 304 if the client already has this content.
    pub fn respond(&self, request: &HeaderMap) -> Response<Full<Bytes>> {
        let mut response;
        if self.is_not_modified(request) {
            response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.headers_mut() = self.not_modified_headers.clone();
        } else {
            response = Response::new(Full::new(self.content.clone()));
            *response.headers_mut() = self.headers.clone();
        }
        response
    }

    /// Evaluates `If-None-Match`, or without it `If-Modified-Since` (RFC 9110, section 13.2.2). A condition that cannot
    /// be parsed is not met, so the response is 200.
    fn is_not_modified(&self, request: &HeaderMap) -> bool {
        if request.contains_key(IF_NONE_MATCH) {
            return request.get_all(IF_NONE_MATCH).iter().any(|tags| lists(tags.as_bytes(), self.etag.as_bytes()));
        }
        let mut dates = request.get_all(IF_MODIFIED_SINCE).iter();
        let (Some(modified_at), Some(date), None) = (self.modified_at, dates.next(), dates.next()) else {
            return false;
        };
        date.to_str().ok().and_then(|date| parse_http_date(date).ok()).is_some_and(|since| modified_at <= since)
    }
}

/// Whether `tags` is `*`, or a list that contains the tag `etag`, compared weakly: `W/"a"` equals `"a"` (RFC 9110,
/// section 8.8.3.2). The list ends at the first part that is not a tag.
fn lists(tags: &[u8], etag: &[u8]) -> bool {
    let mut rest = tags.trim_ascii();
    if rest == b"*" {
        return true;
    }
    while let Some((tag, behind)) = split_tag(rest) {
        if tag == etag {
            return true;
        }
        rest = behind;
    }
    false
}

/// Splits the first tag from a list, without its `W/`. A list may have empty elements (RFC 9110, section 5.6.1.2), and a
/// tag may contain commas.
fn split_tag(list: &[u8]) -> Option<(&[u8], &[u8])> {
    let list = &list[list.iter().position(|byte| !b" \t,".contains(byte))?..];
    let list = list.strip_prefix(b"W/").unwrap_or(list);
    let length = list.strip_prefix(b"\"")?.iter().position(|byte| *byte == b'"')? + 2;
    let (tag, rest) = list.split_at(length);
    let rest = rest.trim_ascii_start();
    (rest.is_empty() || rest.starts_with(b",")).then_some((tag, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_tag_in_lists_as_rfc_9110_defines_them() {
        for tags in [r#""a""#, r#"W/"a""#, r#""b", W/"c","a""#, r#" , ,"b,",, "a" ,"#, "\"b\"\t,\t\"a\"", "*", " * "] {
            assert!(lists(tags.as_bytes(), br#""a""#), "{tags}");
        }
        for tags in r#"~a~"b"~"a~a"~w/"a"~W/ "a"~"a"x~"b" "a"~"b";"a"~x, "a"~"b"x, "a"~*, "b"~"*"~**~"A"~"aa"~","a"~,~W/~W~""~'a'"#.split('~') {
            assert!(!lists(tags.as_bytes(), br#""a""#), "{tags}");
        }
    }

    #[test]
    fn takes_one_valid_date_and_no_date_beside_a_tag() {
        let [at, before] = ["Sat, 20 Feb 2021 18:06:47 GMT", "Sat, 20 Feb 2021 18:06:46 GMT"];
        let document = Document::with_headers(
            "text/plain",
            Bytes::new(),
            HeaderValue::from_static(r#""a""#),
            Some(parse_http_date(at).unwrap()),
            HeaderMap::new(),
        );
        for (dates, is_not_modified) in [
            (&[at][..], true),
            (&["Saturday, 20-Feb-21 18:06:47 GMT"], true),
            (&["Sat Feb 20 18:06:48 2021"], true),
            (&[before], false),
            (&[at, at], false),
            (&["Sat, 20 Feb 2021 18:06:47 CET"], false),
            (&["2031-02-20T18:06:47Z"], false),
            (&[""], false),
        ] {
            let mut request: HeaderMap =
                dates.iter().map(|date| (IF_MODIFIED_SINCE, HeaderValue::from_static(date))).collect();
            assert_eq!(document.is_not_modified(&request), is_not_modified, "{dates:?}");
            request.insert(IF_NONE_MATCH, HeaderValue::from_static(r#""b""#));
            assert!(!document.is_not_modified(&request), "{dates:?}");
        }
    }
}
