//! The standard `OTEL_…` variables, as far as the libraries below leave them to whoever uses them: what leaves by OTLP at
//! all, whether this build can send it as asked, and what the service is called. It reads what it is given, so that a test
//! may give it anything.

use anyhow::{bail, ensure};

/// What the service is called where nobody says.
const SERVICE_NAME: &str = "rung";

/// Variables by name; one that is empty counts as absent.
pub struct Variables<F>(pub F);

/// Those of this process.
pub fn of_process() -> Variables<impl Fn(&str) -> Option<String>> {
    Variables(|name: &str| std::env::var(name).ok())
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// Whether `TRACES` or `METRICS` leave by OTLP: an endpoint is named, and nothing says otherwise.
    ///
    /// # Errors
    /// They should leave in a way that this build does not know.
    pub fn leave(&self, signal: &str) -> anyhow::Result<bool> {
        let Some((named, endpoint)) = self.of_exporter(signal, "ENDPOINT") else { return Ok(false) };
        if self.is_true("OTEL_SDK_DISABLED") || !self.is_wanted(signal)? {
            return Ok(false);
        }
        if let Some((name, protocol)) = self.of_exporter(signal, "PROTOCOL") {
            ensure!(protocol == "grpc", "{name} is `{protocol}`: this build sends by `grpc` only");
        }
        if let Some((name, compression)) = self.of_exporter(signal, "COMPRESSION") {
            ensure!(compression == "none", "{name} is `{compression}`: this build sends without compression only");
        }
        ensure!(
            !self.asks_for_tls(signal, &endpoint),
            "{named} is `{endpoint}`: this build sends without TLS only, to an endpoint that begins with `http://`, such as \
             a collector on this machine"
        );
        Ok(true)
    }

    /// The name to give the service, if nobody has named it.
    pub fn service_name(&self) -> Option<&'static str> {
        let attributes = self.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let mut keys = attributes.split(',').filter_map(|pair| Some(pair.split_once('=')?.0.trim()));
        let is_named = self.get("OTEL_SERVICE_NAME").is_some() || keys.any(|key| key == "service.name");
        (!is_named).then_some(SERVICE_NAME)
    }

    /// Whether OTLP is among the exporters of a signal. What is scraped is there anyway.
    fn is_wanted(&self, signal: &str) -> anyhow::Result<bool> {
        let name = format!("OTEL_{signal}_EXPORTER");
        let listed = self.get(&name).unwrap_or_else(|| "otlp".into());
        let mut is_wanted = false;
        for exporter in listed.split(',').map(str::trim) {
            match exporter {
                "otlp" => is_wanted = true,
                "none" | "prometheus" | "" => {}
                other => bail!("{name} is `{other}`: this build knows `otlp` and `none`"),
            }
        }
        Ok(is_wanted)
    }

    /// An endpoint without a scheme is a secure one, unless it is called insecure.
    fn asks_for_tls(&self, signal: &str, endpoint: &str) -> bool {
        let scheme = endpoint.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let insecure = self.of_exporter(signal, "INSECURE").is_some_and(|(_, said)| said.eq_ignore_ascii_case("true"));
        scheme.map_or(!insecure, |scheme| scheme == "https")
    }

    /// What is said of a signal's exporter, or of all; and by which variable.
    fn of_exporter(&self, signal: &str, what: &str) -> Option<(String, String)> {
        let names = [format!("OTEL_EXPORTER_OTLP_{signal}_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")];
        names.into_iter().find_map(|name| self.get(&name).map(|value| (name, value)))
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");

    fn given(variables: &[(&'static str, &'static str)]) -> Variables<impl Fn(&str) -> Option<String> + use<>> {
        let variables = variables.to_vec();
        Variables(move |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn leave(more: &[(&'static str, &'static str)]) -> [Result<bool, String>; 2] {
        let variables = given(&[more, &[TO]].concat());
        ["TRACES", "METRICS"].map(|signal| variables.leave(signal).map_err(|why| why.to_string()))
    }

    #[test]
    fn nothing_leaves_without_an_endpoint() {
        assert!(!given(&[]).leave("TRACES").unwrap());
        assert!(!given(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]).leave("TRACES").unwrap());
        let traces = given(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a:4317")]);
        assert_eq!((traces.leave("TRACES").unwrap(), traces.leave("METRICS").unwrap()), (true, false));
    }

    #[test]
    fn what_is_switched_off_does_not_leave() {
        assert_eq!(leave(&[]), [Ok(true), Ok(true)]);
        assert_eq!(leave(&[("OTEL_SDK_DISABLED", "True")]), [Ok(false), Ok(false)]);
        assert_eq!(leave(&[("OTEL_SDK_DISABLED", "false")]), [Ok(true), Ok(true)]);
        assert_eq!(leave(&[("OTEL_TRACES_EXPORTER", "none")]), [Ok(false), Ok(true)]);
        assert_eq!(leave(&[("OTEL_METRICS_EXPORTER", "prometheus")]), [Ok(true), Ok(false)]);
        assert_eq!(leave(&[("OTEL_METRICS_EXPORTER", "prometheus, otlp")]), [Ok(true), Ok(true)]);
        let off = [("OTEL_SDK_DISABLED", "true"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")];
        assert_eq!(leave(&off), [Ok(false), Ok(false)], "what does not leave may be asked for in any way");
    }

    #[test]
    fn what_this_build_cannot_send_is_refused() {
        let refused = |name, value| leave(&[(name, value)]).map(|answer| answer.unwrap_err());
        let why = "OTEL_EXPORTER_OTLP_PROTOCOL is `http/protobuf`: this build sends by `grpc` only";
        assert_eq!(refused("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), [why, why]);
        let why = "OTEL_EXPORTER_OTLP_COMPRESSION is `gzip`: this build sends without compression only";
        assert_eq!(refused("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"), [why, why]);
        for secure in ["https://collector:4317", "HTTPS://collector:4317", "collector:4317"] {
            let endpoint = given(&[("OTEL_EXPORTER_OTLP_ENDPOINT", secure)]);
            let why = endpoint.leave("TRACES").unwrap_err().to_string();
            assert!(
                why.starts_with(&format!("OTEL_EXPORTER_OTLP_ENDPOINT is `{secure}`: this build sends without TLS"))
            );
        }
        let [traces, metrics] = leave(&[("OTEL_TRACES_EXPORTER", "zipkin")]);
        assert_eq!(traces.unwrap_err(), "OTEL_TRACES_EXPORTER is `zipkin`: this build knows `otlp` and `none`");
        assert_eq!(metrics, Ok(true));
        let plain = [("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")];
        assert!(given(&plain).leave("TRACES").unwrap());
        assert_eq!(leave(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]), [Ok(true), Ok(true)]);
    }

    #[test]
    fn a_signal_goes_before_all() {
        let own = [("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")];
        let [traces, metrics] = leave(&own);
        assert_eq!(traces, Ok(true));
        assert!(metrics.unwrap_err().contains("http/json"));
    }

    #[test]
    fn a_service_that_is_named_keeps_its_name() {
        assert_eq!(given(&[]).service_name(), Some("rung"));
        assert_eq!(given(&[("OTEL_SERVICE_NAME", "")]).service_name(), Some("rung"));
        assert_eq!(given(&[("OTEL_SERVICE_NAME", "points")]).service_name(), None);
        let attributes = |written| given(&[("OTEL_RESOURCE_ATTRIBUTES", written)]).service_name();
        assert_eq!(attributes("team=loyalty, service.name = points"), None);
        assert_eq!(attributes("service.namespace=shop"), Some("rung"));
    }
}
