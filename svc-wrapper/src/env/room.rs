//! All variables together fit into what a process can be started with (pure).

use super::Reason;
use super::inherited::size;
use super::layer::Layer;

/// Leaves out the largest until the rest fits: `execve(2)` would refuse all of them.
pub(super) fn fit(layer: &mut Layer, room: usize) {
    let mut sizes: Vec<(usize, String)> = layer
        .variables
        .iter()
        .map(|(name, variable)| (size(name.len(), variable.value.expose().len()), name.clone()))
        .collect();
    let mut total: usize = sizes.iter().map(|(size, _)| size).sum();
    sizes.sort();
    while total > room
        && let Some((size, name)) = sizes.pop()
    {
        layer.drop(&name, Reason::NoRoom);
        total -= size;
    }
}
