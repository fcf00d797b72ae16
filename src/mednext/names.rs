//! Tensor names as different trainers write them.

/// What `torch.compile`, `DataParallel` and trainers put in front of a network's own names.
const WRAPPERS: [&str; 3] = ["_orig_mod.", "module.", "network."];

/// The name the public MedNeXt code gives a tensor; `None` for its unused `dummy_tensor`.
pub(crate) fn published_name(name: &str) -> Option<&str> {
    let mut published = name;
    while let Some(inner) = WRAPPERS.iter().find_map(|prefix| published.strip_prefix(prefix)) {
        published = inner;
    }
    (published != "dummy_tensor").then_some(published)
}

/// Whether the tensor belongs to a deep-supervision head, which inference does without.
pub(crate) fn is_auxiliary_head(name: &str) -> bool {
    ["out_1.", "out_2.", "out_3.", "out_4."].iter().any(|head| name.starts_with(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_are_stripped_in_any_nesting() {
        assert_eq!(published_name("module._orig_mod.network.stem.weight"), Some("stem.weight"));
        assert_eq!(published_name("_orig_mod.module.up_0.conv1.bias"), Some("up_0.conv1.bias"));
        assert_eq!(published_name("module.dummy_tensor"), None);
        assert_eq!(published_name("modules.weight"), Some("modules.weight"));
    }
}
