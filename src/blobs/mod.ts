// Blobs: content by its sha256. So far the store of one node (store.ts), which
// holds the modules of seeds; chunks, fetching and collection by leases come
// with the mesh.

export { ContentStore, type ContentStoreNeeds } from "./store.ts";
