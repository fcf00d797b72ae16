//! Files byte by byte, read here by hand, and surfaces that are refused.

use super::*;

const TETRA: [[f32; 3]; 4] = [[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [-0.5, 0.0, 1e-3]];
const SIDES: [[u32; 3]; 4] = [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]];

fn tetra<'a>(name: &'a str, color: [u8; 3]) -> MeshView<'a> {
    MeshView { name, color, positions_lps_mm: &TETRA, triangles: &SIDES }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}

#[test]
fn stl_holds_normals_and_corners() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("liver.stl");
    write_stl(&path, &tetra("liver", [1, 2, 3])).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 84 + 4 * 50);
    assert!(bytes.starts_with(b"Voxelry binary STL. SPACE=LPS"));
    assert_eq!(u32::from_le_bytes(bytes[80..84].try_into().unwrap()), 4);
    assert_eq!(floats(&bytes[84..132]), [0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 2.0, 0.0, 0.0]);
    assert_eq!(bytes[132..134], [0, 0]);
}

#[test]
fn a_triangle_without_area_has_no_normal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flat.stl");
    write_stl(&path, &MeshView { triangles: &[[1, 1, 2]], ..tetra("flat", [0; 3]) }).unwrap();
    assert_eq!(floats(&std::fs::read(&path).unwrap()[84..96]), [0.0; 3]);
}

#[test]
fn obj_counts_through_and_names_every_structure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two parts.obj");
    let triangle = |name| MeshView { positions_lps_mm: &TETRA[..3], triangles: &[[0, 1, 2]], ..tetra(name, [255, 0, 51]) };
    write_obj(&path, &[triangle("kidney left"), triangle("kidney_left")]).unwrap();
    let wanted = "# Voxelry. SPACE=LPS. Millimetres.\nmtllib two_parts.mtl\no kidney_left\ng kidney_left\nusemtl kidney_left\n\
                  v 0 0 0\nv 2 0 0\nv 0 3 0\nf 1 2 3\no kidney_left_2\ng kidney_left_2\nusemtl kidney_left_2\n\
                  v 0 0 0\nv 2 0 0\nv 0 3 0\nf 4 5 6\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), wanted);
    let materials = std::fs::read_to_string(folder.path().join("two_parts.mtl")).unwrap();
    assert!(materials.contains("newmtl kidney_left_2\nKa 0 0 0\nKd 1.000000 0.000000 0.200000\n"), "{materials}");
}

#[test]
fn ply_colours_vertices_and_shifts_indices() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.ply");
    write_ply(&path, &[tetra("a\nb", [1, 2, 3]), tetra("c", [4, 5, 6])]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let end = bytes.windows(11).position(|w| w == b"end_header\n").unwrap() + 11;
    let header = std::str::from_utf8(&bytes[..end]).unwrap();
    assert!(
        header.contains("comment structure a b: 4 vertices from 0\ncomment structure c: 4 vertices from 4\nelement vertex 8\n"),
        "{header}"
    );
    assert!(header.contains("SPACE=LPS") && header.contains("element face 8\n"));
    let (vertices, faces) = bytes[end..].split_at(8 * 15);
    assert_eq!((floats(&vertices[15..27]), &vertices[27..30]), (vec![2.0, 0.0, 0.0], &[1, 2, 3][..]));
    assert_eq!(vertices[4 * 15 + 12..][..3], [4, 5, 6]);
    assert_eq!(faces.len(), 8 * 13);
    assert_eq!(faces[4 * 13..][..13], [3, 4, 0, 0, 0, 6, 0, 0, 0, 5, 0, 0, 0]);
}

#[test]
fn broken_surfaces_and_other_names_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let nowhere = MeshView { triangles: &[[0, 1, 4]], ..tetra("liver", [0; 3]) };
    let nan = MeshView { positions_lps_mm: &[[f32::NAN, 0.0, 0.0]], triangles: &[], ..tetra("liver", [0; 3]) };
    for (mesh, wanted) in [(nowhere, "refers to a vertex it does not have"), (nan, "without a position")] {
        for result in [write_stl(&path("a.stl"), &mesh), write_obj(&path("a.obj"), &[mesh]), write_ply(&path("a.ply"), &[mesh])] {
            let refused = result.unwrap_err().to_string();
            assert!(refused.contains(wanted) && refused.contains("liver"), "{refused}");
        }
    }
    assert!(write_stl(&path("a.obj"), &tetra("x", [0; 3])).unwrap_err().to_string().contains("must end in .stl"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
