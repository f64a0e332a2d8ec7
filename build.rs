//! Compiles `proto/` with protox (no protoc needed on any machine): the types and services of `src/pb.rs`, and the
//! descriptor set that reflection serves, comments included.

use std::path::PathBuf;

const FILES: [&str; 10] = [
    "rung/v1/admin_service.proto",
    "rung/v1/club_service.proto",
    "rung/v1/event_service.proto",
    "rung/v1/member_service.proto",
    "rung/v1/points_service.proto",
    "rung/v1/privilege_service.proto",
    "rung/v1/program_service.proto",
    "rung/v1/reward_service.proto",
    "rung/v1/segment_service.proto",
    "rung/v1/tier_service.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES)?;
    // Encoded by protox and not by prost, which would drop custom options.
    std::fs::write(out.join("descriptor.bin"), compiler.encode_file_descriptor_set())?;
    let all = compiler.file_descriptor_set();
    tonic_prost_build::configure()
        // Attributes come out sorted by name, which is how the domain keeps them.
        .btree_map(".rung.v1")
        .extern_path(".google.rpc", "::tonic_types::pb")
        .build_server(false)
        .compile_fds(all.clone())?;
    let servers = out.join("servers");
    std::fs::create_dir_all(&servers)?;
    tonic_prost_build::configure()
        .extern_path(".rung.v1", "crate::pb")
        .extern_path(".google.rpc", "::tonic_types::pb")
        .build_client(false)
        .out_dir(servers)
        .compile_fds(without_those_by_hand(all))?;
    Ok(())
}

/// The methods that `src/edge/services.rs` serves itself: no server is generated for them.
const BY_HAND: [&str; 3] = ["RecordPurchase", "RecordPurchases", "GetStanding"];

fn without_those_by_hand(mut files: prost_types::FileDescriptorSet) -> prost_types::FileDescriptorSet {
    for service in files.file.iter_mut().flat_map(|file| &mut file.service) {
        service.method.retain(|method| !BY_HAND.contains(&method.name()));
    }
    files
}
