using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Checkpoints;

/// <summary>Are the numbers in a checkpoint the numbers that are read?</summary>
public sealed class CheckpointReadTests
{
    public static TheoryData<string> Types => [.. Enum.GetNames<TensorType>()];

    public static MatrixTheoryData<string, float> NonFinite => new(Enum.GetNames<TensorType>(), [float.NaN, float.PositiveInfinity, float.NegativeInfinity]);

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_stored_element_is_widened_exactly(string typeName)
    {
        var type = Enum.Parse<TensorType>(typeName);
        // all finite 16-bit patterns; for F32 the same patterns as upper halves
        ushort[] patterns = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i).Where(bits => float.IsFinite(Value(type, bits)))];
        using var folder = new TemporaryFolder();
        using var checkpoint = One(folder, type, patterns.Length, bytes =>
        {
            for (int i = 0; i < patterns.Length; i++)
                if (type == TensorType.F32) BitConverter.TryWriteBytes(bytes[(4 * i)..], (uint)patterns[i] << 16);
                else BitConverter.TryWriteBytes(bytes[(2 * i)..], patterns[i]);
        });
        float[] read = new float[patterns.Length];
        checkpoint.Read(checkpoint.Tensors["a"], read);
        for (int i = 0; i < read.Length; i++)
            Assert.Equal(BitConverter.SingleToUInt32Bits(Value(type, patterns[i])), BitConverter.SingleToUInt32Bits(read[i]));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void A_part_of_a_tensor_is_that_part_of_it(string typeName)
    {
        var type = Enum.Parse<TensorType>(typeName);
        const int Length = 700_001; // longer than the read buffer in every type
        using var folder = new TemporaryFolder();
        using var checkpoint = One(folder, type, Length, bytes =>
        {
            int size = TensorEntry.BytesPerElement(type);
            for (int i = 0; i < Length; i++) TinyModel.Put(type, i % 251, bytes[(i * size)..]);
        });
        var entry = checkpoint.Tensors["a"];
        foreach (var (first, count) in new[] { (0, Length), (0, 1), (1, 3), (262_143, 3), (524_287, 140_000), (Length - 1, 1), (Length, 0), (17, 0) })
        {
            float[] read = new float[count];
            checkpoint.Read(entry, read, first);
            for (int i = 0; i < count; i++) Assert.Equal((first + i) % 251, read[i]);
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => checkpoint.Read(entry, new float[2], Length - 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => checkpoint.Read(entry, new float[1], -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => checkpoint.Read(entry, new float[1], long.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => checkpoint.ReadBytes(entry, entry.Bytes - 1, new byte[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => checkpoint.ReadBytes(entry, -1, new byte[1]));
    }

    [Theory]
    [MemberData(nameof(NonFinite))]
    public void A_NaN_or_an_infinity_is_refused_wherever_it_stands(string typeName, float bad)
    {
        var type = Enum.Parse<TensorType>(typeName);
        const int Length = 37; // two vectors and a tail on any machine
        for (int at = 0; at < Length; at++)
        {
            using var folder = new TemporaryFolder();
            using var checkpoint = One(folder, type, Length, bytes =>
            {
                int size = TensorEntry.BytesPerElement(type);
                for (int i = 0; i < Length; i++) TinyModel.Put(type, i == at ? bad : 65000 - i, bytes[(i * size)..]);
            });
            var entry = checkpoint.Tensors["a"];
            Assert.Equal($"{entry.File} holds a NaN or an infinity in tensor 'a'; the checkpoint is damaged, download it again.",
                Assert.Throws<CheckpointException>(() => checkpoint.Read(entry, new float[Length])).Message);
            Assert.True(FloatConversion.HasNonFinite(type, TinyModel.Bytes(checkpoint, "a")));
            byte[] rest = [.. TinyModel.Bytes(checkpoint, "a").Where((_, i) => i / TensorEntry.BytesPerElement(type) != at)];
            Assert.False(FloatConversion.HasNonFinite(type, rest));
        }
    }

    [Fact]
    public void An_empty_tensor_is_read()
    {
        using var folder = new TemporaryFolder();
        using var checkpoint = One(folder, TensorType.F16, 0, _ => { });
        checkpoint.Read(checkpoint.Tensors["a"], []);
        Assert.Equal((0, 0), (checkpoint.Parameters, checkpoint.Bytes));
    }

    [Fact]
    public void A_single_file_beside_an_index_is_the_model()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Write(folder.Path);
        File.WriteAllText(folder["model.safetensors.index.json"], """{"weight_map":{"x":"gone.safetensors"}}""");
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Equal([folder["model.safetensors"]], checkpoint.Files);
        checkpoint.RequireFamily();
    }

    [Fact]
    public void Links_are_followed() // as a download cache lays its folders out
    {
        using var folder = new TemporaryFolder();
        TinyModel.Write(folder["blobs"]);
        Directory.CreateDirectory(folder["snapshot"]);
        foreach (string file in Directory.GetFiles(folder["blobs"])) File.CreateSymbolicLink(folder["snapshot", Path.GetFileName(file)], file);
        using var linked = Checkpoint.Open(folder["snapshot"]);
        using var original = Checkpoint.Open(folder["blobs"]);
        Assert.Equal(original.Fingerprint, linked.Fingerprint);
        linked.Read(linked.Tensors["model.norm.weight"], new float[4]);
    }

    [Fact]
    public void A_file_that_shrinks_while_it_is_read_is_reported()
    {
        using var folder = new TemporaryFolder();
        using var checkpoint = One(folder, TensorType.F32, 100, bytes => bytes.Clear());
        using (var file = new FileStream(folder["model.safetensors"], FileMode.Open, FileAccess.Write)) file.SetLength(file.Length - 8);
        Assert.Contains("ended inside tensor 'a': it changed while it was read",
            Assert.Throws<CheckpointException>(() => checkpoint.Read(checkpoint.Tensors["a"], new float[100])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_closed_checkpoint_reads_no_more()
    {
        using var folder = new TemporaryFolder();
        var checkpoint = One(folder, TensorType.F32, 4, bytes => bytes.Clear());
        checkpoint.Dispose();
        Assert.Throws<ObjectDisposedException>(() => checkpoint.Read(checkpoint.Tensors["a"], new float[4]));
    }

    [Fact]
    public void The_fingerprint_changes_with_every_byte_of_config_and_weights_and_with_nothing_else()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Write(folder.Path);
        string Fingerprint()
        {
            using var checkpoint = Checkpoint.Open(folder.Path);
            return checkpoint.Fingerprint;
        }
        string first = Fingerprint();
        Assert.Matches("^[0-9a-f]{64}$", first);
        File.WriteAllText(folder["README.md"], "another file");
        Assert.Equal(first, Fingerprint());
        using (var file = new FileStream(folder["model.safetensors"], FileMode.Open, FileAccess.ReadWrite))
        {
            file.Seek(-1, SeekOrigin.End);
            int last = file.ReadByte();
            file.Seek(-1, SeekOrigin.End);
            file.WriteByte((byte)(last ^ 1));
        }
        string second = Fingerprint();
        Assert.NotEqual(first, second);
        File.AppendAllText(folder["config.json"], "\n");
        Assert.NotEqual(second, Fingerprint());
    }

    [Fact]
    public void A_fingerprint_can_be_cancelled()
    {
        using var folder = new TemporaryFolder();
        using var checkpoint = Checkpoint.Open(TinyModel.Write(folder.Path));
        Assert.Throws<OperationCanceledException>(() => checkpoint.ReadFingerprint(new CancellationToken(canceled: true)));
        Assert.Equal(64, checkpoint.Fingerprint.Length);
    }

    private delegate void FillAll(Span<byte> bytes);

    private static Checkpoint One(TemporaryFolder folder, TensorType type, long length, FillAll fill)
    {
        File.WriteAllText(folder["config.json"], TinyModel.Config);
        byte[] all = new byte[length * TensorEntry.BytesPerElement(type)];
        fill(all);
        SafetensorsWriter.Write(folder["model.safetensors"], [new("a", type, [length])],
            (_, from, bytes) => all.AsSpan((int)from, bytes.Length).CopyTo(bytes), TestContext.Current.CancellationToken);
        return Checkpoint.Open(folder.Path);
    }

    private static float Value(TensorType type, ushort bits) =>
        type == TensorType.F16 ? (float)BitConverter.UInt16BitsToHalf(bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);
}
