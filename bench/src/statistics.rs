//! Quantiles, medians and spreads.

/// The smallest sample that is at least as large as the fraction `quantile` (0 to 1) of `samples`. NaN without samples.
pub(crate) fn quantile(samples: &[f64], quantile: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The middle sample, or the mean of the two middle samples.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let upper_half: Vec<f64> = samples.iter().map(|sample| -sample).collect();
    (quantile(samples, 0.5) - quantile(&upper_half, 0.5)) / 2.0
}

/// The difference between the largest and the smallest sample, as a fraction of the smallest.
pub(crate) fn spread(samples: &[f64]) -> f64 {
    quantile(samples, 1.0) / quantile(samples, 0.0) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples_and_the_median_is_in_the_middle() {
        let samples = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(&samples, 0.0), 1.0);
        assert_eq!(quantile(&samples, 0.99), 4.0);
        assert_eq!(quantile(&samples, 0.5), 2.0);
        assert_eq!(median(&samples), 2.5);
        assert_eq!(median(&samples[..3]), 3.0);
        assert_eq!(spread(&samples), 3.0);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&hundred, 0.99), 99.0);
        assert!(quantile(&[], 0.5).is_nan() && median(&[]).is_nan());
    }
}
