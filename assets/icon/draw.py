"""Draws the program's icon: a cube of voxels, one of them marked. Writes voxelry.svg, PNGs and voxelry.ico with the standard library only.

Run in this folder: python3 draw.py
"""

import struct
import zlib

SIZE = 512
GROUND = (0x11, 0x14, 0x17)
# Top, left and right faces: plain, and of the marked voxel (the accent of the window).
FACES = {"top": (0xDD, 0xE2, 0xE6), "left": (0x87, 0x91, 0x9B), "right": (0x4A, 0x54, 0x5D)}
MARKED = {"top": (0x9C, 0xCB, 0xF1), "left": (0x74, 0xB3, 0xE8), "right": (0x3D, 0x7F, 0xB8)}
EDGE = 0.94  # share of a voxel's face that is filled; the rest is a seam


def project(x, y, z):
    """Isometric: x to the right and down, y to the left and down, z up; the cube is 2 voxels wide."""
    unit = SIZE * 0.2
    return (SIZE / 2 + (x - y) * unit * 0.866, SIZE / 2 + (x + y - 2) * unit * 0.5 - (z - 1) * unit)


def quads():
    inset = (1 - EDGE) / 2
    near, far = inset, 1 - inset
    for a in range(2):
        for b in range(2):
            corners = [(near, near), (far, near), (far, far), (near, far)]
            marked = (a, b) == (1, 1)
            yield (MARKED if marked else FACES)["top"], [project(a + u, b + v, 2) for u, v in corners]
            marked = (a, b) == (1, 1)
            yield (MARKED if marked else FACES)["left"], [project(a + u, 2, b + v) for u, v in corners]
            marked = (a, b) == (1, 1)
            yield (MARKED if marked else FACES)["right"], [project(2, a + u, b + v) for u, v in corners]


def inside_tile(x, y):
    """The rounded square behind the cube."""
    radius = SIZE * 0.2
    dx = max(radius - x, x - (SIZE - radius), 0)
    dy = max(radius - y, y - (SIZE - radius), 0)
    return dx * dx + dy * dy <= radius * radius


def inside(point, quad):
    x, y = point
    sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for (ax, ay), (bx, by) in zip(quad, quad[1:] + quad[:1])]
    return all(side >= 0 for side in sides) or all(side <= 0 for side in sides)


def pixels(size, samples=4):
    shapes = list(quads())
    rows = []
    for py in range(size):
        row = bytearray([0])
        for px in range(size):
            total, covered = [0, 0, 0], 0
            for sy in range(samples):
                for sx in range(samples):
                    x, y = ((p + (s + 0.5) / samples) * SIZE / size for p, s in ((px, sx), (py, sy)))
                    if not inside_tile(x, y):
                        continue
                    colour = next((colour for colour, quad in shapes if inside((x, y), quad)), GROUND)
                    total = [t + c for t, c in zip(total, colour)]
                    covered += 1
            row += bytes(round(t / covered) if covered else 0 for t in total)
            row.append(round(255 * covered / samples**2))
        rows.append(bytes(row))
    return b"".join(rows)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(size):
    head = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels(size), 9)) + chunk(b"IEND", b"")


def ico(images):
    offset = 6 + 16 * len(images)
    entries, data = b"", b""
    for size, image in images:
        entries += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(image), offset + len(data))
        data += image
    return struct.pack("<HHH", 0, 1, len(images)) + entries + data


def svg():
    shapes = [
        '<polygon fill="#{:02X}{:02X}{:02X}" points="{}"/>'.format(*colour, " ".join(f"{x:.1f},{y:.1f}" for x, y in quad))
        for colour, quad in quads()
    ]
    tile = '<rect width="{0}" height="{0}" rx="{1}" fill="#{2:02X}{3:02X}{4:02X}"/>'.format(SIZE, SIZE * 0.2, *GROUND)
    body = "\n  ".join([tile, *shapes])
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}">\n  {body}\n</svg>\n'


if __name__ == "__main__":
    with open("voxelry.svg", "w") as file:
        file.write(svg())
    images = {size: png(size) for size in (32, 64, 128, 256)}
    for size, image in images.items():
        with open(f"{size}x{size}.png", "wb") as file:
            file.write(image)
    with open("voxelry.ico", "wb") as file:
        file.write(ico(list(images.items())))
