using System.Text;
using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Checkpoints;

/// <summary>Is a bad file survived? One file for each way it can be wrong; the message must say what, where, found and expected.</summary>
public sealed class HostileSafetensorsTests
{
    private const string A = """ "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]} """;
    private const string Dot = "…";

    private static readonly Dictionary<string, (byte[] File, string[] Says)> Cases = new()
    {
        ["empty"] = ([], ["is 0 bytes long", "8-byte header length"]),
        ["too short"] = ([1, 2, 3], ["is 3 bytes long", "too short"]),
        ["huge header length"] = ([255, 255, 255, 255, 255, 255, 255, 255, 1], ["a header of 18446744073709551615 bytes", "100000000"]),
        ["header length just over the cap"] = ([1, 225, 245, 5, 0, 0, 0, 0, 1], ["a header of 100000001 bytes", "100000000"]),
        ["header truncated"] = ([100, 0, 0, 0, 0, 0, 0, 0, 123, 125], ["a header of 100 bytes", "only 2", "truncated"]),
        ["data truncated"] = (Tensors(7, A), ["tensor 'a' at bytes 0-8", "data section of 7", "truncated"]),
        ["data missing"] = (Tensors(0, A), ["tensor 'a' at bytes 0-8", "data section of 0"]),
        ["not JSON"] = (TinyModel.File("hello", 0), ["not valid JSON"]),
        ["cut JSON"] = (TinyModel.File("""{"a":{"dtype":"F32","shape":[2],""", 0), ["not valid JSON"]),
        ["empty header"] = (TinyModel.File("", 0), ["not valid JSON"]),
        ["NUL padding"] = (TinyModel.File("{}\0\0", 0), ["not valid JSON"]),
        ["deep JSON"] = (TinyModel.File($$"""{"__metadata__":{{new string('[', 5000)}}{{new string(']', 5000)}}}""", 0), ["not valid JSON", "maximum", "depth"]),
        ["an array"] = (TinyModel.File("[]", 0), ["not a JSON object"]),
        ["null"] = (TinyModel.File("null", 0), ["not a JSON object"]),
        ["not UTF-8"] = (TinyModel.File([.. "{\""u8, 0xC3, 0x28, .. "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"u8], 8), ["not UTF-8"]),
        ["UTF-16"] = (TinyModel.File(Encoding.Unicode.GetBytes("{}"), 0), ["not valid JSON"]),
        ["half a surrogate pair"] = (TinyModel.File("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8), ["unreadable text"]),
        ["same name twice"] = (Tensors(16, A, """ "a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]} """), ["tensor 'a' twice"]),
        ["same name twice, escaped"] = (Tensors(16, A, """ "\u0061":{"dtype":"F32","shape":[2],"data_offsets":[8,16]} """), ["tensor 'a' twice"]),
        ["two dtypes"] = (Tensors(8, """ "a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]} """), ["tensor 'a'", "one dtype"]),
        ["two shapes"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[2],"shape":[3],"data_offsets":[0,8]} """), ["tensor 'a'", "one shape"]),
        ["overlap"] = (Tensors(12, A, """ "b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]} """), ["overlapping", "'a'", "'b'"]),
        ["same bytes twice"] = (Tensors(8, A, """ "b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]} """), ["overlapping", "'a'", "'b'"]),
        ["empty tensor inside another"] = (Tensors(8, A, """ "b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]} """), ["overlapping", "'a'", "'b'"]),
        ["hole"] = (Tensors(20, A, """ "b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]} """), ["4 unused bytes", "'a'", "'b'"]),
        ["hole at the start"] = (Tensors(12, """ "b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]} """), ["4 unused bytes", "'b'"]),
        ["trailing bytes"] = (Tensors(11, A), ["3 bytes behind its last tensor 'a'"]),
        ["data without tensors"] = (TinyModel.File("{}", 5), ["5 bytes behind"]),
        ["negative shape"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]} """), ["tensor 'a'", "non-negative integers"]),
        ["two negative dimensions"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]} """), ["tensor 'a'", "non-negative integers"]),
        ["fraction in the shape"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]} """), ["tensor 'a'", "non-negative integers"]),
        ["text in the shape"] = (Tensors(8, """ "a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]} """), ["tensor 'a'", "non-negative integers"]),
        ["dimension beyond 64 bits"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]} """), ["tensor 'a'", "non-negative integers"]),
        ["huge shape"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,8]} """), ["tensor 'a' 8 bytes", "F32 [1000000, 1000000] needs 4000000000000"]),
        ["overflowing product"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]} """), ["tensor 'a'", "[4294967296, 4294967296, 4]", "overflows"]),
        ["overflowing bytes"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8]} """), ["tensor 'a'", "[4611686018427387906]", "overflows"]),
        ["65 dimensions"] = (Tensors(8, $$""" "a":{"dtype":"F32","shape":[2{{string.Concat(Enumerable.Repeat(",1", 64))}}],"data_offsets":[0,8]} """), ["tensor 'a'", "one shape"]),
        ["offsets reversed"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]} """), ["tensor 'a' at bytes 8-0", "data section of 8"]),
        ["negative offset"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]} """), ["tensor 'a'", "non-negative integers"]),
        ["offset at the end of 64 bits"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[2],"data_offsets":[9223372036854775799,9223372036854775807]} """), ["tensor 'a' at bytes 9223372036854775799-9223372036854775807", "data section of 8"]),
        ["three offsets"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]} """), ["tensor 'a'", "two data_offsets"]),
        ["no offsets"] = (Tensors(8, """ "a":{"dtype":"F32","shape":[2]} """), ["tensor 'a'", "two data_offsets"]),
        ["no dtype"] = (Tensors(8, """ "a":{"shape":[2],"data_offsets":[0,8]} """), ["tensor 'a'", "one dtype"]),
        ["a number for a tensor"] = (Tensors(0, """ "a":1 """), ["tensor 'a'", "one dtype"]),
        ["wrong size for the dtype"] = (Tensors(8, """ "a":{"dtype":"F16","shape":[2],"data_offsets":[0,8]} """), ["tensor 'a' 8 bytes", "F16 [2] needs 4"]),
        ["I64"] = (Tensors(16, """ "a":{"dtype":"I64","shape":[2],"data_offsets":[0,16]} """), ["tensor 'a' as I64", "F32, F16 and BF16"]),
        ["F64"] = (Tensors(16, """ "a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]} """), ["tensor 'a' as F64", "F32, F16 and BF16"]),
        ["F8"] = (Tensors(2, """ "a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]} """), ["tensor 'a' as F8_E4M3", "unquantized"]),
        ["lower-case dtype"] = (Tensors(8, """ "a":{"dtype":"f32","shape":[2],"data_offsets":[0,8]} """), ["tensor 'a' as f32", "F32, F16 and BF16"]),
        ["long dtype"] = (Tensors(8, $$""" "a":{"dtype":"{{new string('x', 9000)}}","shape":[2],"data_offsets":[0,8]} """), ["tensor 'a' as xxx", Dot]),
        ["terminal codes in the name"] = (Tensors(8, """ "\u001b[31ma":{"dtype":"F32","shape":[2],"data_offsets":[0,8]} """), ["'?[31ma' (6 characters)", "control characters"]),
        ["endless name"] = (Tensors(8, $$""" "{{new string('n', 9000)}}":{"dtype":"F32","shape":[2],"data_offsets":[0,8]} """), ["(9000 characters)", "1 to 512", Dot]),
        ["empty name"] = (Tensors(8, """ "":{"dtype":"F32","shape":[2],"data_offsets":[0,8]} """), ["''", "1 to 512"]),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_bad_file_is_refused_by_one_clear_sentence(string name)
    {
        var (file, says) = Cases[name];
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], TinyModel.Config);
        File.WriteAllBytes(folder["model.safetensors"], file);

        string message = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)).Message;

        Assert.StartsWith(folder["model.safetensors"] + " ", message);
        Assert.EndsWith(".", message);
        Assert.All(says, part => Assert.Contains(part, message, StringComparison.Ordinal));
        Assert.True(message.Length < folder.Path.Length + 400, message);
        Assert.DoesNotContain(message, char.IsControl);
    }

    [Fact]
    public void A_shape_of_a_million_values_costs_no_time()
    {
        // A reader that indexes into a JSON array with a composite last element walks it once for each value.
        string shape = string.Concat(Enumerable.Repeat("1,", 1_000_000)) + "[]";
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["a"], Tensors(4, $$""" "a":{"dtype":"F32","shape":[{{shape}}],"data_offsets":[0,4]} """));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Assert.Throws<CheckpointException>(() => SafetensorsFile.ReadHeader(folder["a"]));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{clock.Elapsed}");
    }

    [Fact]
    public void Odd_but_valid_files_are_read()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["a"], TinyModel.File("""
            { "__metadata__": {"format": "pt", "note": "any"}, "late": {"shape": [1, 2], "data_offsets": [6, 10], "dtype": "BF16", "unknown": null},
              "empty": {"dtype": "F32", "shape": [0, 7], "data_offsets": [6, 6]}, "scalar": {"dtype": "F32", "shape": [], "data_offsets": [2, 6]},
              "half": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]} }
            """, 10));
        var entries = SafetensorsFile.ReadHeader(folder["a"]).ToDictionary(entry => entry.Name);
        long start = new FileInfo(folder["a"]).Length - 10;
        Assert.Equal((TensorType.BF16, start + 6, 4L, 2L), (entries["late"].Type, entries["late"].Offset, entries["late"].Bytes, entries["late"].Elements));
        Assert.Equal((0L, 0L), (entries["empty"].Bytes, entries["empty"].Elements));
        Assert.Equal((start + 2, 1L), (entries["scalar"].Offset, entries["scalar"].Elements));
        Assert.Equal((TensorType.F16, start), (entries["half"].Type, entries["half"].Offset));
    }

    private static byte[] Tensors(int dataBytes, params string[] tensors) => TinyModel.File("{" + string.Join(",", tensors) + "}", dataBytes);
}
