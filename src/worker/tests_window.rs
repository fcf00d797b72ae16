//! The jobs of the window, one after another, as it asks for them.
