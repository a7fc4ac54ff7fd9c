// Blobs: content by its sha256. So far the store of one node (store.ts), which
// holds the modules of seeds, and who may remove from it (keeper.ts); chunks,
// fetching and collection by leases come with the mesh.

export { ObjectKeeper, type ObjectKeeperNeeds } from "./keeper.ts";
export { ContentStore, type ContentStoreNeeds } from "./store.ts";
