//! Surfaces in the 3D pane: meshes, how they are coloured, the painter, and which structure is under the pointer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, ScreenDescriptor};
use egui::{PaintCallbackInfo, Pos2, Rect};
use glam::{DVec3, Vec3};
use wgpu::{CommandBuffer, CommandEncoder, Device, Queue, RenderPass};

use super::camera::Camera;
use super::resources::RenderResources;

/// The surface of one structure.
#[derive(Debug)]
pub struct Mesh {
    id: u64,
    label: u16,
    positions: Vec<[f32; 3]>,
    normals: Vec<[f32; 3]>,
    triangles: Vec<[u32; 3]>,
    low: Vec3,
    high: Vec3,
}

impl Mesh {
    /// Takes a surface over: corners in LPS millimetres, a normal for each, triangles of corner numbers.
    ///
    /// `None` if it is empty, or if the numbers do not fit together.
    pub fn new(label: u16, positions: Vec<[f32; 3]>, normals: Vec<[f32; 3]>, triangles: Vec<[u32; 3]>) -> Option<Arc<Self>> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let known = triangles.iter().flatten().all(|corner| (*corner as usize) < positions.len());
        if positions.len() != normals.len() || triangles.is_empty() || !known {
            return None;
        }
        let corners = || positions.iter().map(|p| Vec3::from_array(*p));
        let (low, high) = (corners().fold(Vec3::MAX, Vec3::min), corners().fold(Vec3::MIN, Vec3::max));
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        (low.is_finite() && high.is_finite()).then(|| Arc::new(Self { id, label, positions, normals, triangles, low, high }))
    }

    /// The structure.
    pub fn label(&self) -> u16 {
        self.label
    }

    /// Number of triangles.
    pub fn triangle_count(&self) -> usize {
        self.triangles.len()
    }

    /// Lowest and highest corner of the box around it, LPS millimetres.
    pub fn bounds_lps_mm(&self) -> (DVec3, DVec3) {
        (self.low.as_dvec3(), self.high.as_dvec3())
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn positions(&self) -> &[[f32; 3]] {
        &self.positions
    }

    pub(crate) fn normals(&self) -> &[[f32; 3]] {
        &self.normals
    }

    pub(crate) fn triangles(&self) -> &[[u32; 3]] {
        &self.triangles
    }

    /// The distance along a ray to the nearest triangle, either side of it.
    fn hit(&self, start: Vec3, direction: Vec3) -> Option<f32> {
        if !crosses_box(start, direction, self.low, self.high) {
            return None;
        }
        let corner = |i: u32| Vec3::from_array(self.positions[i as usize]);
        let hits = self.triangles.iter().filter_map(|[a, b, c]| hit_triangle(start, direction, [corner(*a), corner(*b), corner(*c)]));
        hits.min_by(f32::total_cmp)
    }
}

fn crosses_box(start: Vec3, direction: Vec3, low: Vec3, high: Vec3) -> bool {
    let (mut enter, mut leave) = (f32::MIN, f32::MAX);
    for axis in 0..3 {
        if direction[axis].abs() < 1e-12 {
            if start[axis] < low[axis] || start[axis] > high[axis] {
                return false;
            }
            continue;
        }
        let (a, b) = ((low[axis] - start[axis]) / direction[axis], (high[axis] - start[axis]) / direction[axis]);
        enter = enter.max(a.min(b));
        leave = leave.min(a.max(b));
    }
    enter <= leave + 1e-3
}

/// Möller and Trumbore's test.
fn hit_triangle(start: Vec3, direction: Vec3, [a, b, c]: [Vec3; 3]) -> Option<f32> {
    let (ab, ac) = (b - a, c - a);
    let p = direction.cross(ac);
    let determinant = ab.dot(p);
    if determinant.abs() < 1e-12 {
        return None;
    }
    let from_a = start - a;
    let u = from_a.dot(p) / determinant;
    let q = from_a.cross(ab);
    let v = direction.dot(q) / determinant;
    let distance = ac.dot(q) / determinant;
    (u >= 0.0 && v >= 0.0 && u + v <= 1.0 && distance > 0.0).then_some(distance)
}

/// The structure under a point of the pane, among those that are drawn.
pub fn pick(view: &MeshView, pos: Pos2, rect: Rect) -> Option<u16> {
    let (start, ahead) = view.camera.ray(pos, rect);
    let (start, ahead) = (start.as_vec3(), ahead.as_vec3());
    let drawn = view.structures.iter().filter(|(_, style)| style.visible);
    let hits = drawn.filter_map(|(mesh, _)| mesh.hit(start, ahead).map(|distance| (distance, mesh.label)));
    hits.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, label)| label)
}

/// How a surface looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeshStyle {
    /// sRGB.
    pub color: [u8; 3],
    /// Whether it is drawn.
    pub visible: bool,
    /// Whether it steps back because another structure is in focus.
    pub dimmed: bool,
}

/// The light of the 3D pane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shading {
    /// Light from everywhere, a little more from above.
    pub ambient: f32,
    /// Light from the viewer.
    pub diffuse: f32,
    /// Strength of highlights.
    pub gloss: f32,
    /// How much silhouettes darken.
    pub edge: f32,
    /// What stays of the brightness of dimmed structures, and of their saturation.
    pub dimmed: [f32; 2],
}

impl Default for Shading {
    fn default() -> Self {
        Self { ambient: 0.3, diffuse: 0.85, gloss: 0.08, edge: 0.75, dimmed: [0.42, 0.35] }
    }
}

/// What the 3D pane shows.
#[derive(Debug, Clone)]
pub struct MeshView {
    /// Surfaces and their looks.
    pub structures: Vec<(Arc<Mesh>, MeshStyle)>,
    /// From where.
    pub camera: Camera,
    /// The light.
    pub shading: Shading,
}

impl MeshView {
    /// The box around all surfaces that are drawn.
    pub fn bounds_lps_mm(structures: &[(Arc<Mesh>, MeshStyle)]) -> Option<(DVec3, DVec3)> {
        let drawn = structures.iter().filter(|(_, style)| style.visible).map(|(mesh, _)| mesh.bounds_lps_mm());
        drawn.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }
}

/// Draws surfaces into a rectangle. Made anew each frame; the picture is drawn again only when something changed.
#[derive(Debug, Clone)]
pub struct MeshPainter {
    /// Which pane of the window.
    pub pane: u64,
    /// The pane, in points.
    pub rect: Rect,
    /// What it shows.
    pub view: MeshView,
}

impl MeshPainter {
    /// Adds the pane to what egui paints.
    pub fn paint(self, painter: &egui::Painter) {
        painter.add(Callback::new_paint_callback(self.rect, self));
    }
}

impl CallbackTrait for MeshPainter {
    fn prepare(
        &self,
        device: &Device,
        queue: &Queue,
        screen: &ScreenDescriptor,
        encoder: &mut CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<CommandBuffer> {
        let resources = RenderResources::of(device, resources);
        let target = resources.target();
        resources.meshes.prepare(device, queue, encoder, target, self, screen.pixels_per_point);
        vec![]
    }

    fn finish_prepare(
        &self,
        device: &Device,
        _queue: &Queue,
        _encoder: &mut CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<CommandBuffer> {
        RenderResources::of(device, resources).end_frame();
        vec![]
    }

    fn paint(&self, _info: PaintCallbackInfo, pass: &mut RenderPass<'static>, resources: &CallbackResources) {
        if let Some(resources) = resources.get::<RenderResources>() {
            resources.meshes.paint(self.pane, pass);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square facing the front at depth `y`, around (x, z).
    fn square(label: u16, x: f32, y: f32, z: f32) -> (Arc<Mesh>, MeshStyle) {
        let corner = |dx: f32, dz: f32| [x + dx, y, z + dz];
        let positions = vec![corner(-5.0, -5.0), corner(5.0, -5.0), corner(5.0, 5.0), corner(-5.0, 5.0)];
        let mesh = Mesh::new(label, positions, vec![[0.0, -1.0, 0.0]; 4], vec![[0, 1, 2], [0, 2, 3]]).unwrap();
        (mesh, MeshStyle { color: [1, 2, 3], visible: true, dimmed: false })
    }

    #[test]
    fn the_nearest_visible_structure_is_picked() {
        let structures = vec![square(1, 0.0, 10.0, 0.0), square(2, 0.0, -10.0, 0.0), square(3, 40.0, 0.0, 30.0)];
        let (low, high) = MeshView::bounds_lps_mm(&structures).unwrap();
        let mut camera = Camera::anterior(low, high);
        camera.pitch = 0.0;
        let mut view = MeshView { structures, camera, shading: Shading::default() };
        let rect = Rect::from_min_size(Pos2::new(10.0, 10.0), egui::Vec2::new(300.0, 200.0));
        let at = |view: &MeshView, x, z| pick(view, view.camera.pos_of(DVec3::new(x, 0.0, z), rect), rect);
        assert_eq!(at(&view, 0.5, 0.5), Some(2), "the front one hides the other");
        assert_eq!(at(&view, 41.0, 29.0), Some(3));
        assert_eq!(at(&view, 20.0, 20.0), None);
        view.structures[1].1.visible = false;
        assert_eq!(at(&view, 0.5, 0.5), Some(1));
        view.camera.yaw = std::f64::consts::PI;
        view.structures[1].1.visible = true;
        assert_eq!(at(&view, 0.5, 0.5), Some(1), "from behind the other is in front");
    }

    #[test]
    fn meshes_that_do_not_fit_together_are_refused() {
        assert!(Mesh::new(1, vec![[0.0; 3]; 3], vec![[0.0; 3]; 2], vec![[0, 1, 2]]).is_none());
        assert!(Mesh::new(1, vec![[0.0; 3]; 3], vec![[0.0; 3]; 3], vec![[0, 1, 3]]).is_none());
        assert!(Mesh::new(1, vec![], vec![], vec![]).is_none());
    }
}
