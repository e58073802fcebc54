//! Samples of a metric.

use wrpi_test::Api;

/// The labels and the value of each sample of a metric, in the order of the text.
pub(crate) fn samples(api: &Api, name: &str) -> Vec<(String, String)> {
    let metrics = api.metrics();
    let samples = metrics.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
    let own = samples.filter(|(labels, _)| labels.is_empty() || labels.starts_with('{'));
    own.map(|(labels, value)| (labels.to_owned(), value.to_owned())).collect()
}
