//! Checkpoints PyTorch wrote, and what must be refused.

use std::fs;

use zip::CompressionMethod;

use crate::testing::{data, golden_folder, unzip, weights, write_below, zip_of};
use crate::{Checkpoint, ModelError, Weights, read_checkpoint};

fn read(name: &str) -> Result<Checkpoint, ModelError> {
    read_checkpoint(&data("checkpoints").join(name))
}

fn refusal(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = write_below(folder.path(), "case.pth", bytes);
    let text = read_checkpoint(&path).unwrap_err().to_string();
    assert!(text.ends_with(&format!(": {}", path.display())) && !text.contains('\n'), "{text}");
    text
}

#[test]
fn nnunet_checkpoint_equals_torch_bit_for_bit() {
    let checkpoint = read_checkpoint(&golden_folder().join("fold_0/checkpoint_final.pth")).unwrap();
    let golden = weights("golden/e2e/checkpoint_final.weights.safetensors");
    assert_eq!(checkpoint.weights.len(), 216);
    assert!(checkpoint.weights.shapes().eq(golden.shapes()));
    for ((name, ours), (_, golden)) in checkpoint.weights.iter().zip(golden.iter()) {
        assert!(ours.data.iter().map(|v| v.to_bits()).eq(golden.data.iter().map(|v| v.to_bits())), "{name}");
    }
    let training = checkpoint.nnunet.unwrap();
    assert_eq!(training.trainer, "nnUNetTrainer_MedNeXtV2Tiny");
    assert_eq!(training.configuration, "3d_fullres");
    assert_eq!(training.fold.as_deref(), Some("0"));
    assert_eq!(training.mirror_axes, [0, 1, 2]);
}

#[test]
fn every_form_gives_the_same_weights() {
    let reference = read("nnunet.pth").unwrap();
    assert_eq!(reference.config.width, 1);
    assert_eq!(reference.config.grn_exceptions, ["down_0"]);
    assert!(reference.config.deep_supervision);
    for name in ["nnunet_compiled_ddp.pth", "nnunet_legacy.pth", "nnunet_v1.model", "bare.pth", "double.pth", "views.pth"] {
        let other = read(name).unwrap();
        assert_eq!(other.config, reference.config, "{name}");
        assert_eq!(other.weights, reference.weights, "{name}");
    }
    for (name, tolerance) in [("half.pth", 1.0 / 2048.0), ("bfloat16.pth", 1.0 / 256.0)] {
        let other = read(name).unwrap().weights;
        for ((name, a), (_, b)) in other.iter().zip(reference.weights.iter()) {
            let close = a.data.iter().zip(b.data.iter()).all(|(a, b)| (a - b).abs() <= b.abs() * tolerance + 1e-7);
            assert!(close, "{name}");
        }
    }
}

#[test]
fn training_facts_are_read() {
    let ddp = read("nnunet_compiled_ddp.pth").unwrap().nnunet.unwrap();
    assert_eq!((ddp.fold.as_deref(), ddp.mirror_axes), (Some("all"), vec![]));
    assert_eq!(read("nnunet_legacy.pth").unwrap().nnunet.unwrap().mirror_axes, [0, 1]);
    assert_eq!(read("bare.pth").unwrap().nnunet, None);
    assert_eq!(read("nnunet_v1.model").unwrap().nnunet, None);
}

#[test]
fn unusable_checkpoints_are_refused_in_a_sentence() {
    let text = |name: &str| read(name).unwrap_err().to_string();
    assert!(text("nan.pth").starts_with("the tensor up_1.conv2.bias holds NaN"), "{}", text("nan.pth"));
    assert!(text("unet.pth").contains("PlainConvUNet"), "{}", text("unet.pth"));
    assert!(text("empty.pth").starts_with("there is not a single tensor in it"), "{}", text("empty.pth"));
    assert!(matches!(read("no such file"), Err(ModelError::NotFound(_))));
    assert!(refusal(b"").contains("this is no model"));
    assert!(refusal(&[0x80, 2, b'}', b'.']).contains("this is no model"));
    // A legacy checkpoint that the reader would take for a TAR archive.
    let mut tar = fs::read(data("checkpoints/nnunet_legacy.pth")).unwrap();
    tar[257..262].copy_from_slice(b"ustar");
    assert!(refusal(&tar).contains("this is no model"));
}

#[test]
fn a_pickle_that_calls_the_system_is_refused_and_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let canary = folder.path().join("canary");
    let command = format!("touch {}", canary.display());
    // torch's own pickle with a REDUCE of os.system put before it: GLOBAL, (command,), REDUCE, POP.
    let mut attack = b"\x80\x02cposix\nsystem\nX".to_vec();
    attack.extend((command.len() as u32).to_le_bytes());
    attack.extend(command.as_bytes());
    attack.extend(b"\x85R0");
    let mut entries = unzip(&data("checkpoints/nnunet.pth"));
    for (name, bytes) in &mut entries {
        if name.ends_with("data.pkl") {
            bytes.splice(..2, attack.iter().copied());
        }
    }
    let path = write_below(folder.path(), "attack.pth", &zip_of(&entries, CompressionMethod::Stored));
    let text = read_checkpoint(&path).unwrap_err().to_string();
    assert!(text.contains("asks the program that opens it to call posix.system"), "{text}");
    assert!(!canary.exists());
}

#[test]
fn archives_that_lie_about_sizes_are_refused_before_reading() {
    let entries = unzip(&data("checkpoints/nnunet.pth"));
    assert!(refusal(&zip_of(&entries, CompressionMethod::Deflated)).contains("its archive is compressed"));

    // The central directory's size fields of one storage, 4 GiB - 2 instead of a few bytes.
    let mut lie = zip_of(&entries, CompressionMethod::Stored);
    let name = b"/data/40";
    let at = lie.windows(name.len()).rposition(|bytes| bytes == name).unwrap();
    let header = lie[..at].windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
    lie[header + 20..header + 28].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff]);
    let text = refusal(&lie);
    assert!(text.contains("claims to hold more") || text.contains("damaged"), "{text}");

    let mut short = entries.clone();
    short.iter_mut().find(|(name, _)| name.ends_with("/data/40")).unwrap().1.truncate(1);
    let text = refusal(&zip_of(&short, CompressionMethod::Stored));
    assert!(text.contains("storage '40'"), "{text}");

    let mut missing = entries;
    missing.retain(|(name, _)| !name.ends_with("/data/40"));
    assert!(refusal(&zip_of(&missing, CompressionMethod::Stored)).contains("not found"));
}

#[test]
fn truncated_checkpoints_are_refused() {
    for name in ["nnunet.pth", "nnunet_legacy.pth"] {
        let bytes = fs::read(data("checkpoints").join(name)).unwrap();
        for keep in (0..bytes.len()).step_by(1511) {
            refusal(&bytes[..keep]);
        }
    }
}

#[test]
fn safetensors_headers_that_lie_are_refused() {
    let refuse = |header: &str, data: &[u8]| {
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat();
        Weights::from_safetensors_bytes(&bytes).unwrap_err().to_string()
    };
    let text = refuse(r#"{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}"#, &[0; 4]);
    assert!(text.contains("describes 4000000 bytes of tensors, but 4 follow"), "{text}");
    assert!(refuse(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, &[0; 4]).contains("header is not valid"));
    let huge = format!(r#"{{"a":{{"dtype":"F32","shape":[{0},{0}],"data_offsets":[0,4]}}}}"#, u64::MAX);
    assert!(refuse(&huge, &[0; 4]).contains("header is not valid"));
    assert!(refuse(r#"{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#, &[0; 8]).contains("element type I64"));
    assert!(
        refuse(
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"module.a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            &[0; 8]
        )
        .contains("occurs twice")
    );
    assert!(Weights::from_safetensors_bytes(&[0xff; 64]).unwrap_err().to_string().contains("its header claims"));
    assert!(Weights::from_safetensors_bytes(&[0; 3]).unwrap_err().to_string().contains("shorter than its length field"));
    let nan = [&54_u64.to_le_bytes()[..], br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, &f32::NAN.to_le_bytes()].concat();
    assert!(Weights::from_safetensors_bytes(&nan).unwrap().check_finite().unwrap_err().to_string().contains("tensor a holds NaN"));
}
