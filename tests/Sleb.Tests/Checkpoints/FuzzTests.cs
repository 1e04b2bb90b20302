using System.Buffers.Binary;
using Sleb.Core.Checkpoints;
using Sleb.Core.Families;

namespace Sleb.Tests.Checkpoints;

/// <summary>Thousands of damaged files from one seed: each is read or refused by a <see cref="CheckpointException"/>, and none makes the reader hungry.</summary>
public sealed class FuzzTests
{
    private const long MaxAllocation = 8 << 20;

    private static readonly string[] Pieces =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "null", "true", "-1", "0", "1e9", "1e999", "9223372036854775807", "18446744073709551616",
        "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"F16\"", "\"I64\"", "\"__metadata__\"", "[[[[[[[[", "\"\"", "{}", "[]", "\ud83d\ude00", "0.5", " ", "model.layers.",
    ];

    [Fact]
    public void Damaged_safetensors_headers()
    {
        var random = new Random(20250);
        byte[] good = File.ReadAllBytes(TestFiles.Data("conformance", "llama-sharded-bf16", "model-00001-of-00004.safetensors"));
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(good);
        byte[] header = good[8..(8 + length)];
        using var folder = new TemporaryFolder();
        int read = 0, refused = 0;
        for (int i = 0; i < 4000; i++)
        {
            byte[] mutated = Mutate(header, random);
            byte[] file = [.. new byte[8], .. mutated, .. good.AsSpan(8 + length)];
            long announced = random.Next(10) == 0 ? random.NextInt64(0, 3L * length) : mutated.Length;
            BinaryPrimitives.WriteInt64LittleEndian(file, announced);
            if (random.Next(10) == 0) file = file[..random.Next(file.Length + 1)];
            string path = folder["model.safetensors"];
            File.WriteAllBytes(path, file);
            Survives(i, file, () =>
            {
                var entries = SafetensorsFile.ReadHeader(path);
                Assert.All(entries, entry => Assert.InRange(entry.Offset + entry.Bytes, 8, file.Length));
                Assert.Equal(file.Length - 8 - announced, entries.Sum(entry => entry.Bytes));
            }, ref read, ref refused);
        }
        Assert.True(read > 50 && refused > 2000, $"{read} read, {refused} refused");
    }

    [Fact]
    public void Damaged_configs()
    {
        var random = new Random(20251);
        byte[] good = File.ReadAllBytes(TestFiles.Data("conformance", "llama-yarn", "config.json"));
        using var folder = new TemporaryFolder();
        int read = 0, refused = 0;
        for (int i = 0; i < 4000; i++)
        {
            byte[] file = Mutate(good, random);
            File.WriteAllBytes(folder["config.json"], file);
            File.WriteAllBytes(folder["generation_config.json"], i % 2 == 0 ? good : Mutate(good, random));
            Survives(i, file, () =>
            {
                var config = ModelConfig.Load(folder.Path);
                FamilyRegistry.Get(config.ModelType);
                _ = (config.NumHiddenLayers, config.HiddenSize, config.IntermediateSize, config.VocabSize, config.NumKeyValueHeads, config.HeadDim);
                _ = (config.EosTokenIds, config.BosTokenId, config.PadTokenId, config.Bool("tie_word_embeddings", false), config.Number("rms_norm_eps", 1));
                RotaryEmbedding.Create(config, 16);
            }, ref read, ref refused);
        }
        Assert.True(read > 500 && refused > 1000, $"{read} read, {refused} refused");
    }

    [Fact]
    public void Damaged_indexes()
    {
        var random = new Random(20252);
        string model = TestFiles.Data("conformance", "llama-sharded-bf16");
        byte[] good = File.ReadAllBytes(Path.Combine(model, "model.safetensors.index.json"));
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(model)) File.Copy(file, folder[Path.GetFileName(file)]);
        int read = 0, refused = 0;
        for (int i = 0; i < 2000; i++)
        {
            byte[] file = Mutate(good, random);
            File.WriteAllBytes(folder["model.safetensors.index.json"], file);
            Survives(i, file, () =>
            {
                using var checkpoint = Checkpoint.Open(folder.Path);
                checkpoint.RequireFamily();
                Assert.All(checkpoint.Files, path => Assert.Equal(folder.Path, Path.GetDirectoryName(path)));
            }, ref read, ref refused);
        }
        Assert.True(read > 20 && refused > 1000, $"{read} read, {refused} refused");
    }

    private static void Survives(int iteration, byte[] file, Action action, ref int read, ref int refused)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            action();
            read++;
        }
        catch (CheckpointException e)
        {
            refused++;
            Assert.True(e.Message.Length < 1500, e.Message);
        }
        catch (Exception e) when (e is not Xunit.Sdk.IAssertionException)
        {
            Assert.Fail($"Mutation {iteration} threw {e}\n{Convert.ToBase64String(file)}");
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MaxAllocation);
    }

    /// <summary>One or two of: a byte changed, some removed, some repeated elsewhere, a piece of JSON put in, a digit changed.</summary>
    private static byte[] Mutate(byte[] bytes, Random random)
    {
        var list = new List<byte>(bytes);
        for (int n = random.Next(1, 3); n > 0; n--)
        {
            int at = random.Next(list.Count), count = Math.Min(random.Next(1, 40), list.Count - at);
            switch (random.Next(5))
            {
                case 0:
                    list[at] = (byte)random.Next(256);
                    break;
                case 1:
                    list.RemoveRange(at, count);
                    break;
                case 2:
                    list.InsertRange(random.Next(list.Count), list.GetRange(at, count));
                    break;
                case 3:
                    list.InsertRange(at, System.Text.Encoding.UTF8.GetBytes(Pieces[random.Next(Pieces.Length)]));
                    break;
                default:
                    int digit = list.FindIndex(at, b => b is >= (byte)'0' and <= (byte)'9');
                    if (digit >= 0) list[digit] = (byte)('0' + random.Next(10));
                    break;
            }
            if (list.Count == 0) list.Add((byte)'{');
        }
        return [.. list];
    }
}
