//! Gradients of a whole network: their global norm, clipping, and the check that they are finite.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use instructue_model::parameters::parameters;

/// The squared norm of each parameter's gradient, in module order.
fn squared_norms<M: Module>(module: &M, gradients: &GradientsParams) -> Vec<Option<f64>> {
    struct Norms<'a>(&'a GradientsParams, Vec<Option<Tensor<1>>>);
    impl ModuleVisitor for Norms<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.get::<D>(param.id);
            self.1
                .push(gradient.map(|gradient| gradient.square().sum()));
        }
    }
    let mut norms = Norms(gradients, Vec::new());
    module.visit(&mut norms);
    norms
        .1
        .into_iter()
        .map(|norm| norm.map(|n| f64::from(n.into_scalar::<f32>())))
        .collect()
}

/// Scales all gradients by one factor.
fn scale<M: Module>(module: &M, gradients: &mut GradientsParams, factor: f64) {
    struct Scale<'a>(&'a mut GradientsParams, f64);
    impl ModuleVisitor for Scale<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.remove::<D>(param.id) {
                self.0.register::<D>(param.id, gradient.mul_scalar(self.1));
            }
        }
    }
    module.visit(&mut Scale(gradients, factor));
}

/// Multiplies the gradients by `share` (for accumulation), then clips by the **global** norm, as
/// PyTorch's `clip_grad_norm_` does (Burn's own clipping is per parameter). Returns the norm
/// before clipping.
///
/// # Errors
/// The name of the first parameter whose gradient is not finite.
pub fn clip_global_norm<M: Module>(
    module: &M,
    gradients: &mut GradientsParams,
    share: f64,
    max_norm: f64,
) -> Result<f64, String> {
    let norms = squared_norms(module, gradients);
    if let Some(bad) = norms
        .iter()
        .position(|norm| norm.is_some_and(|n| !n.is_finite()))
    {
        return Err(parameters(module).swap_remove(bad).name);
    }
    let norm = share * norms.iter().flatten().sum::<f64>().sqrt();
    let factor = share * (max_norm / (norm + 1e-6)).min(1.0);
    if factor < 1.0 {
        scale(module, gradients, factor);
    }
    Ok(norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    fn gradients(layer: &Linear, input: f32) -> GradientsParams {
        let x = Tensor::<2>::full([2, 3], input, &layer.weight.val().device());
        let loss = layer.forward(x).sum();
        GradientsParams::from_grads(loss.backward(), layer)
    }

    #[test]
    fn gradients_are_clipped_together() {
        let device = Device::default().autodiff();
        let layer = LinearConfig::new(3, 4).init(&device);
        let mut clipped = gradients(&layer, 10.0);
        // The gradient of each weight is 20, that of each bias 2.
        let expected = (12.0f64 * 400.0 + 4.0 * 4.0).sqrt();
        let norm = clip_global_norm(&layer, &mut clipped, 1.0, 1.0).unwrap();
        assert!((norm - expected).abs() < 1e-3);
        let after = clip_global_norm(&layer, &mut clipped, 1.0, 1e9).unwrap();
        assert!((after - 1.0).abs() < 1e-4);
        let bias = clipped.get::<1>(layer.bias.as_ref().unwrap().id).unwrap();
        let value = bias.into_data().try_to_vec::<f32>().unwrap()[0];
        assert!(
            (f64::from(value) - 2.0 / expected).abs() < 1e-5,
            "direction is kept"
        );
    }

    #[test]
    fn a_gradient_that_is_no_number_is_named() {
        let device = Device::default().autodiff();
        let layer = LinearConfig::new(3, 4).init(&device);
        let mut bad = gradients(&layer, f32::INFINITY);
        assert_eq!(
            clip_global_norm(&layer, &mut bad, 1.0, 1.0),
            Err("weight".to_string())
        );
    }
}
