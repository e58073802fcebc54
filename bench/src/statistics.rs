//! Medians, quantiles and how far apart measurements are.

/// The smallest of `samples` that is not below the part `quantile` (0 to 1) of them; not a number without any.
pub(crate) fn quantile(samples: &[f64], quantile: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let upper_half: Vec<f64> = samples.iter().map(|sample| -sample).collect();
    (quantile(samples, 0.5) - quantile(&upper_half, 0.5)) / 2.0
}

/// How much larger the largest is than the smallest, as a part of that.
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
