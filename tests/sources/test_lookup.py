def test_a_relative_root_gives_folders_that_hold_their_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_phantom_sources(tmp_path / "sources", num_covid=5, num_normal=2, num_pneumonia=2, size=32)
    monkeypatch.chdir(tmp_path)
    for name, folder in locate_sources(Path("sources")).items():
        records = read_source(name, Path("sources")).records
        assert all(record.path.is_relative_to(folder) for record in records)
