//! Traces, metrics and logs, set up once before anything else runs.
//!
//! Logs go to standard error. Metrics are always collected and shown in Prometheus form on the operations port.
//! Traces, and metrics a second time, leave by OTLP when one of the standard `OTEL_EXPORTER_OTLP_…` variables names
//! an endpoint and none of the others speaks against it (`telemetry/standard.rs`). Nothing here knows what is measured.

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::{Registry, TextEncoder};
use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

mod standard;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Holds the pipelines open; dropping it without [`Telemetry::shutdown`] may lose the last spans.
pub struct Telemetry {
    registry: Registry,
    meters: SdkMeterProvider,
    tracers: Option<SdkTracerProvider>,
}

/// Sets everything up.
///
/// # Errors
/// The standard variables ask for what this build cannot do, an exporter cannot be built, or telemetry was set up before.
pub fn start(format: LogFormat) -> anyhow::Result<Telemetry> {
    let variables = standard::of_process();
    let (traces, metrics) = (variables.leave("TRACES")?, variables.leave("METRICS")?);
    let resource = resource(variables.service_name());
    let registry = Registry::new();
    let meters = meter_provider(&registry, resource.clone(), metrics)?;
    opentelemetry::global::set_meter_provider(meters.clone());
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let tracers = traces.then(|| tracer_provider(resource)).transpose()?;
    let spans = tracers.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("rung"))
            .with_filter(
                filter_fn(|metadata| metadata.target().starts_with("rung")).with_max_level_hint(LevelFilter::INFO),
            )
            .boxed()
    });
    // No layer rather than an absent one: an absent layer would ask for every span there is.
    let layers: Vec<_> = spans.into_iter().chain([log_lines(format)]).collect();
    tracing_subscriber::registry().with(layers).try_init()?;
    Ok(Telemetry { registry, meters, tracers })
}

impl Telemetry {
    /// All metrics in Prometheus text form.
    #[must_use]
    pub fn prometheus(registry: &Registry) -> String {
        TextEncoder::new().encode_to_string(&registry.gather()).unwrap_or_default()
    }

    /// Where metrics are gathered from.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Sends what is left and closes the pipelines.
    pub fn shutdown(self) {
        if let Some(tracers) = self.tracers
            && let Err(error) = tracers.shutdown()
        {
            tracing::warn!(%error, "the last spans were not delivered");
        }
        if let Err(error) = self.meters.shutdown() {
            tracing::warn!(%error, "the last metrics were not delivered");
        }
    }
}

/// What the variables say of this process, under this name if they do not say one.
fn resource(name: Option<&'static str>) -> Resource {
    let stated = Resource::builder();
    match name {
        Some(name) => stated.with_service_name(name).build(),
        None => stated.build(),
    }
}

fn meter_provider(registry: &Registry, resource: Resource, leave: bool) -> anyhow::Result<SdkMeterProvider> {
    let pull =
        opentelemetry_prometheus::exporter().with_registry(registry.clone()).scope_info_enabled(false).build()?;
    let mut builder = SdkMeterProvider::builder().with_resource(resource).with_reader(pull);
    if leave {
        let push = opentelemetry_otlp::MetricExporter::builder().with_tonic().build()?;
        builder = builder.with_periodic_exporter(push);
    }
    Ok(builder.build())
}

fn tracer_provider(resource: Resource) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build()?;
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// Log lines of events; spans are left to the exporter, so that nothing is paid for them where there is none.
fn log_lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let levels = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = std::io::stderr().is_terminal() && !is_plain;
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let events = filter_fn(|metadata| metadata.is_event());
    let events = match levels.max_level_hint() {
        Some(level) => events.with_max_level_hint(level),
        None => events,
    };
    let wanted = levels.and(events);
    match format {
        LogFormat::Text => lines.with_filter(wanted).boxed(),
        LogFormat::Json => lines.json().with_filter(wanted).boxed(),
    }
}
