//! Compiles `proto/` with protox (no protoc needed on any machine): the types and services of `src/pb.rs`, and the
//! descriptor set that reflection serves, comments included.

use std::path::PathBuf;

const FILES: [&str; 7] = [
    "rung/v1/admin_service.proto",
    "rung/v1/event_service.proto",
    "rung/v1/member_service.proto",
    "rung/v1/points_service.proto",
    "rung/v1/program_service.proto",
    "rung/v1/reward_service.proto",
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
    tonic_prost_build::configure()
        // Attributes come out sorted by name, which is how the domain keeps them.
        .btree_map(".rung.v1")
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
