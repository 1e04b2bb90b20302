using System.Text.Json;
using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Checkpoints;

/// <summary>Does the writer say what the reference implementation says, to the byte?</summary>
public sealed class SafetensorsWriterTests
{
    public static TheoryData<string> Conformance => ConformanceFolder.Names;

    [Theory]
    [MemberData(nameof(Conformance))]
    public void A_file_read_and_written_again_is_the_same_file(string model)
    {
        using var checkpoint = Checkpoint.Open(ConformanceFolder.Find(model));
        using var folder = new TemporaryFolder();
        foreach (string file in checkpoint.Files)
        {
            string copy = folder[Path.GetFileName(file)];
            var entries = SafetensorsFile.ReadHeader(file).Reverse(); // the order of the entries must not matter
            SafetensorsWriter.Write(copy, entries.Select(entry => new SafetensorsWriter.Tensor(entry.Name, entry.Type, entry.Shape)),
                (tensor, from, bytes) => checkpoint.ReadBytes(checkpoint.Tensors[tensor.Name], from, bytes), TestContext.Current.CancellationToken);
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(copy));
        }
    }

    [Fact]
    public void Wider_types_stand_first_and_the_data_starts_at_a_multiple_of_eight()
    {
        using var folder = new TemporaryFolder();
        for (int length = 1; length <= 8; length++)
        {
            string path = folder[$"{length}"];
            var tensors = new SafetensorsWriter.Tensor[]
            {
                new("a" + new string('x', length), TensorType.F16, [3]), new("b", TensorType.BF16, []), new("d", TensorType.F32, [2, 1]), new("c", TensorType.F32, [0]),
            };
            SafetensorsWriter.Write(path, tensors, (tensor, _, bytes) => bytes.Fill((byte)tensor.Name[0]), TestContext.Current.CancellationToken);
            byte[] file = File.ReadAllBytes(path);
            int header = (int)BitConverter.ToInt64(file);
            Assert.Equal(0, header % 8);
            Assert.Equal("dddddddd" + "bb" + "aaaaaa", System.Text.Encoding.ASCII.GetString(file.AsSpan(8 + header)));
            using var json = JsonDocument.Parse(file.AsMemory(8, header));
            Assert.Equal(["__metadata__", "c", "d", "b", tensors[0].Name], json.RootElement.EnumerateObject().Select(property => property.Name));
            Assert.Equal("pt", json.RootElement.GetProperty("__metadata__").GetProperty("format").GetString());
            Assert.Equal(tensors.Select(t => (t.Name, t.Type, string.Join(',', t.Shape))).Order(),
                SafetensorsFile.ReadHeader(path).Select(t => (t.Name, t.Type, string.Join(',', t.Shape))).Order());
        }
    }

    [Fact]
    public void A_name_of_any_script_comes_back()
    {
        using var folder = new TemporaryFolder();
        string[] names = ["größe.\"weight\"", "層\\0", "🦙+<>&'"];
        SafetensorsWriter.Write(folder["a"], names.Select(name => new SafetensorsWriter.Tensor(name, TensorType.F16, [1])),
            (_, _, bytes) => bytes.Clear(), TestContext.Current.CancellationToken);
        Assert.Equal(names.Order(StringComparer.Ordinal), SafetensorsFile.ReadHeader(folder["a"]).Select(entry => entry.Name));
    }

    [Fact]
    public void A_large_tensor_is_streamed_in_pieces_of_a_few_megabytes()
    {
        using var folder = new TemporaryFolder();
        const long Bytes = 40L << 20;
        long before = GC.GetAllocatedBytesForCurrentThread(), largest = 0, next = 0;
        SafetensorsWriter.Write(folder["a"], [new("a", TensorType.F32, [Bytes / 4])], (_, from, bytes) =>
        {
            Assert.Equal(next, from);
            next = from + bytes.Length;
            largest = Math.Max(largest, bytes.Length);
            bytes.Clear();
        }, TestContext.Current.CancellationToken);
        Assert.Equal(Bytes, next);
        Assert.InRange(largest, 1, 4 << 20);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 6 << 20);
    }

    [Fact]
    public void An_existing_file_is_not_written_over()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["a"], "mine");
        Assert.Throws<IOException>(() => SafetensorsWriter.Write(folder["a"], [], (_, _, _) => { }, TestContext.Current.CancellationToken));
        Assert.Equal("mine", File.ReadAllText(folder["a"]));
    }

    [Fact]
    public void A_size_beyond_64_bits_is_an_error_and_not_a_small_file()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<OverflowException>(() => SafetensorsWriter.Write(folder["a"], [new("a", TensorType.F32, [1L << 40, 1L << 40])],
            (_, _, _) => { }, TestContext.Current.CancellationToken));
        Assert.False(File.Exists(folder["a"]));
    }
}
