//! Which format a scraper gets, by its `Accept` header (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus's text format 0.0.4.
    Text,
    /// OpenMetrics 1.0 text, with exemplars.
    OpenMetrics,
    /// Length-delimited protobuf, with exemplars and native histograms.
    Protobuf,
}

impl Format {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// The format that a scraper weights highest, the first among equals, and text for whoever names none of the three.
    /// Protobuf is there only with native histograms.
    pub(super) fn preferred(headers: &HeaderMap, native_histograms: bool) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let weighted = accepted.flat_map(|value| value.split(',')).filter_map(Self::weighted_range);
        let served =
            weighted.filter(|(quality, format)| *quality > 0.0 && (native_histograms || *format != Self::Protobuf));
        let preferred = served.reduce(|best, next| if next.0 > best.0 { next } else { best });
        preferred.map_or(Self::Text, |(_, format)| format)
    }

    /// The weight and the format of one part of the header; `None` for what is not served.
    fn weighted_range(range: &str) -> Option<(f32, Self)> {
        let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
        let media_type = parts.next()?;
        let parameters: Vec<String> = parts.collect();
        let parameter = |name: &str| {
            let value = parameters.iter().find_map(|one| one.strip_prefix(name)?.trim_start().strip_prefix('='));
            value.map(|value| value.trim().trim_matches('"'))
        };
        let has_version = |own: &str| parameter("version").is_none_or(|version| version == own);
        let format = match media_type.as_str() {
            "application/openmetrics-text" if has_version("1.0.0") => Self::OpenMetrics,
            "application/vnd.google.protobuf"
                if parameter("proto") == Some("io.prometheus.client.metricfamily")
                    && parameter("encoding") == Some("delimited") =>
            {
                Self::Protobuf
            }
            "text/plain" if has_version("0.0.4") => Self::Text,
            "text/*" | "*/*" => Self::Text,
            _ => return None,
        };
        Some((parameter("q").map_or(1.0, |quality| quality.parse().unwrap_or(0.0)), format))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "application/openmetrics-text";
    const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    #[test]
    fn each_scraper_gets_the_format_it_prefers() {
        use Format::{OpenMetrics, Protobuf, Text};
        let table = [
            // Prometheus 2.42 and 3, and both with native histograms.
            (
                format!("{OPEN};version=1.0.0,{OPEN};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
                OpenMetrics,
            ),
            (
                format!(
                    "{OPEN};version=1.0.0;escaping=allow-utf-8;q=0.6,{OPEN};version=0.0.1;q=0.5,\
                     text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
                ),
                OpenMetrics,
            ),
            (format!("{PROTOBUF},{OPEN};version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), Protobuf),
            (format!("{OPEN};version=1.0.0;q=0.5,{PROTOBUF};q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.2"), Protobuf),
            (
                format!("{OPEN};version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,{PROTOBUF};q=0.3,*/*;q=0.2"),
                OpenMetrics,
            ),
            // Others.
            ("*/*".to_owned(), Text),
            ("text/plain".to_owned(), Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8".to_owned(), Text),
            ("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.9".to_owned(), Text),
            ("application/openmetrics-text;q=0.9,text/plain;q=0.9".to_owned(), OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.9, text/plain; q=0.1".to_owned(), OpenMetrics),
            // What is not served.
            (format!("{OPEN};version=0.0.1,*/*;q=0.1"), Text),
            (format!("{OPEN};version=1.0.0;q=0"), Text),
            (format!("{OPEN};version=1.0.0;q=high,*/*;q=0.1"), Text),
            ("application/vnd.google.protobuf;proto=another.Message;encoding=delimited".to_owned(), Text),
            ("application/vnd.google.protobuf".to_owned(), Text),
            (String::new(), Text),
        ];
        for (accept, expected) in table {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(Format::preferred(&headers, true), expected, "{accept}");
            let classic = Format::preferred(&headers, false);
            // Without native histograms the next best of the scraper's formats.
            let instead = if accept.contains(OPEN) { OpenMetrics } else { Text };
            assert_eq!(classic, if expected == Protobuf { instead } else { expected }, "{accept}");
        }
        assert_eq!(Format::preferred(&HeaderMap::new(), true), Text);
    }

    #[test]
    fn several_headers_count_as_one() {
        let mut headers = HeaderMap::new();
        for accept in ["text/plain;q=0.5", "application/openmetrics-text;version=1.0.0"] {
            headers.append(header::ACCEPT, accept.parse().unwrap());
        }
        assert_eq!(Format::preferred(&headers, false), Format::OpenMetrics);
    }
}
