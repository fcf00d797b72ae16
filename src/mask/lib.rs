//! What can be done to a mask, as plain functions on label values: drawing, filling, islands, interpolation, growing, smoothing;
//! measures of a structure; its surface; and the journal that keeps every edit.
