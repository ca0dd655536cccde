//! The prototype loss compared with values computed by hand and with finite differences.

use crate::common::{assert_close, values};
use burn::tensor::{Device, Tensor, TensorData};
use instructue_losses::{Error, PrototypeConfig};

const USERS: [[f32; 2]; 3] = [[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]];
const PROTOTYPES: [[f32; 2]; 2] = [[1.0, 0.5], [-0.5, 1.0]];
const CLASSES: [usize; 3] = [0, 1, 1];

fn tensor(rows: &[[f32; 2]], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(rows.concat(), [rows.len(), 2]), device)
}

fn loss(users: &[[f32; 2]], prototypes: &[[f32; 2]], temperature: f64) -> f32 {
    let device = Device::default();
    let loss = PrototypeConfig::new().with_temperature(temperature);
    let loss = loss.init().unwrap();
    let (users, prototypes) = (tensor(users, &device), tensor(prototypes, &device));
    values(loss.forward(users, prototypes, &CLASSES).unwrap())[0]
}

#[test]
fn the_value_is_that_by_hand() {
    // The products are (1, −.5), (1, .5), (−.5, −1). With two classes each row's loss is ln(1 +
    // e^{(other − own)/τ}).
    for temperature in [0.5f64, 0.07] {
        let gaps = [-0.5f64 - 1.0, 1.0 - 0.5, -0.5 + 1.0];
        let mean = gaps.map(|gap| (gap / temperature).exp().ln_1p());
        let expected = mean.iter().sum::<f64>() / 3.0;
        let found = loss(&USERS, &PROTOTYPES, temperature);
        assert_close(&[found], &[expected as f32], 1e-5, "loss");
    }
}

#[test]
fn gradients_are_those_of_differences() {
    const STEP: f32 = 1e-2;
    let device = Device::default().autodiff();
    let users = tensor(&USERS, &device).require_grad();
    let prototypes = tensor(&PROTOTYPES, &device).require_grad();
    let loss_of = PrototypeConfig::new().with_temperature(0.5).init().unwrap();
    let value = loss_of.forward(users.clone(), prototypes.clone(), &CLASSES);
    let gradients = value.unwrap().backward();
    let found = values(users.grad(&gradients).unwrap());
    let mut expected = Vec::new();
    for place in 0..6 {
        let moved = |by: f32| {
            let mut users = USERS;
            users[place / 2][place % 2] += by;
            loss(&users, &PROTOTYPES, 0.5)
        };
        expected.push((moved(STEP) - moved(-STEP)) / (2.0 * STEP));
    }
    assert_close(&found, &expected, 1e-3, "users");
    let found = values(prototypes.grad(&gradients).unwrap());
    let mut expected = Vec::new();
    for place in 0..4 {
        let moved = |by: f32| {
            let mut prototypes = PROTOTYPES;
            prototypes[place / 2][place % 2] += by;
            loss(&USERS, &prototypes, 0.5)
        };
        expected.push((moved(STEP) - moved(-STEP)) / (2.0 * STEP));
    }
    assert_close(&found, &expected, 1e-3, "prototypes");
}

#[test]
fn what_does_not_fit_is_named() {
    let device = Device::default();
    let loss = PrototypeConfig::new().init().unwrap();
    let with = |rows: &[[f32; 2]], classes: &[usize]| {
        let prototypes = tensor(&PROTOTYPES, &device);
        loss.forward(tensor(rows, &device), prototypes, classes)
            .unwrap_err()
    };
    let class = Error::Class {
        row: 1,
        classes: 2,
        found: 2,
    };
    assert_eq!(with(&USERS, &[0, 2, 1]), class);
    assert!(matches!(with(&USERS, &[0]), Error::Length { found: 1, .. }));
    assert!(matches!(with(&[], &[]), Error::Empty { .. }));
    let wide = Tensor::<2>::zeros([2, 3], &device);
    let error = loss.forward(tensor(&USERS, &device), wide, &CLASSES);
    assert!(matches!(error, Err(Error::Length { found: 3, .. })));
    for temperature in [0.0, -1.0, f64::NAN] {
        let bad = PrototypeConfig::new().with_temperature(temperature).init();
        assert!(bad.unwrap_err().to_string().contains("temperature"));
    }
}
