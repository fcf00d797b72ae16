//! The kernels' uniform blocks. Field order and offsets equal those of `struct Params` in the shader of the same name; a test
//! compares them by reflection.

use bytemuck::{Pod, Zeroable};

macro_rules! params {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
        pub(crate) struct $name { $(pub(crate) $field: $type,)* }

        impl $name {
            /// Field names and byte offsets, for the comparison with the shader.
            pub(crate) const LAYOUT: &'static [(&'static str, usize)] =
                &[$((stringify!($field), std::mem::offset_of!($name, $field)),)*];
        }
    };
}

params! {
    /// `pointwise.wgsl`.
    Pointwise {
        points_x: u32, points_y: u32, in4: u32, out4: u32,
        in_x: u32, in_y: u32, in_plane: u32, in_stride: u32,
        out_x: u32, out_y: u32, out_plane: u32, out_stride: u32, out_offset: u32,
        accumulate: u32,
    }
}

params! {
    /// `depthwise.wgsl` and `depthwise_up.wgsl`.
    Depthwise {
        out_x: u32, out_y: u32, out_first: u32, out_plane: u32,
        in_x: u32, in_y: u32, in_z: u32, in_first: u32, in_plane: u32,
        channels4: u32,
    }
}

params! {
    /// `norm_plane.wgsl`.
    NormPlane { tiles: u32, voxels: u32, channels4: u32, first: u32, }
}

params! {
    /// `norm_affine.wgsl`.
    NormAffine { planes: u32, voxels: u32, channels4: u32, eps: f32, }
}

params! {
    /// `grn_partial.wgsl`.
    GrnPartial { voxels: u32, plane: u32, hidden4: u32, tiles: u32, }
}

params! {
    /// `expand.wgsl`.
    Expand { voxels: u32, plane: u32, planes: u32, slab_planes: u32, in4: u32, hidden4: u32, tiles: u32, }
}

params! {
    /// `compress.wgsl`.
    Compress {
        d_x: u32, voxels: u32, planes: u32, slab_planes: u32, hidden4: u32, out4: u32, tiles: u32,
        out_x: u32, out_y: u32, out_plane: u32, shift: u32,
    }
}

params! {
    /// `column_sum.wgsl`.
    ColumnSum { rows: u32, columns4: u32, first: u32, }
}

params! {
    /// `grn_scale.wgsl`.
    GrnScale { hidden4: u32, divisor: f32, eps: f32, }
}

params! {
    /// `peak_fma.wgsl`.
    PeakFma { rounds: u32, a: f32, b: f32, }
}

params! {
    /// `peak_copy.wgsl`.
    PeakCopy { count: u32, }
}

params! {
    /// `mlp.wgsl`.
    Mlp {
        d_x: u32, voxels: u32, d_plane: u32, hidden4: u32, out4: u32,
        out_x: u32, out_y: u32, out_plane: u32, shift: u32,
    }
}

params! {
    /// `tile_extract.wgsl`.
    TileExtract {
        patch_x: u32, patch_y: u32, planes: u32, tile_plane: u32, channels: u32,
        image_x: u32, image_y: u32, image_plane: u32,
        origin_x: i32, origin_y: i32, flip_x: u32, flip_y: u32, flip_z: u32,
    }
}

params! {
    /// `tile_accumulate.wgsl`.
    TileAccumulate {
        patch_x: u32, patch_y: u32, planes: u32, tile_plane: u32, channels: u32, first_channel: u32,
        weights: u32, weight_plane: u32,
        image_x: u32, image_y: u32, sum_plane: u32,
        origin_x: i32, origin_y: i32, flip_x: u32, flip_y: u32, flip_z: u32,
        counts: u32, share: f32,
    }
}

params! {
    /// `plane_mean.wgsl`.
    PlaneMean { area: u32, plane: u32, channels: u32, }
}

params! {
    /// `plane_label.wgsl`.
    PlaneLabel {
        columns: u32, first_row: u32, rows: u32, image_x: u32, area: u32, channels: u32, regions: u32, plane_weight: f32,
    }
}

params! {
    /// `plane_features.wgsl`.
    PlaneFeatures { columns: u32, first_row: u32, rows: u32, image_x: u32, area: u32, channels: u32, plane_weight: f32, }
}

params! {
    /// `plane_head.wgsl`.
    PlaneHead { columns: u32, first_row: u32, rows: u32, channels: u32, classes: u32, regions: u32, }
}
